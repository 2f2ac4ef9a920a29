"""Makes a text smaller while it stays bad: takes away lines and blocks between braces, or the braces alone."""
import time


def net(line):
    """How many blocks a line opens, and how deep it goes below where it began."""
    depth, lowest, quoted, escaped = 0, 0, None, False
    for character in line:
        if quoted:
            quoted, escaped = (None if character == quoted and not escaped else quoted), character == "\\" and not escaped
        elif character in "\"'":
            quoted = character
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            lowest = min(lowest, depth)
    return depth, lowest


def removals(lines):
    """Sets of lines that can be left out without breaking a block apart, the largest first."""
    shapes = [net(line) for line in lines]
    found = []
    for begin, (opens, lowest) in enumerate(shapes):
        if lowest < 0 or opens < 0:
            continue
        end, depth, parts = begin, opens, False
        while depth > 0 and end + 1 < len(lines):
            end += 1
            depth += shapes[end][0]
            parts = parts or (depth == opens and shapes[end][1] < 0)
        if depth == 0:
            found.append(frozenset(range(begin, end + 1)))
            if end > begin and not parts:
                found.append(frozenset((begin, end)))
    for width in (64, 32, 16, 8, 4, 2):  # runs of whole lines
        for begin in range(0, len(lines) - width, width):
            if all(shape == (0, 0) for shape in shapes[begin:begin + width]):
                found.append(frozenset(range(begin, begin + width)))
    return sorted(set(found), key=lambda lines: (-len(lines), min(lines)))


def reduce(text, are_bad, seconds, at_once=24):
    """The text made small; are_bad(texts) says of each whether it is bad still."""
    lines, until = text.split("\n"), time.monotonic() + seconds
    changed = True
    while changed and time.monotonic() < until:
        changed = False
        waiting = removals(lines)
        while waiting and time.monotonic() < until:
            tried, waiting = waiting[:at_once], waiting[at_once:]
            texts = ["\n".join(line for i, line in enumerate(lines) if i not in without) for without in tried]
            good = [without for without, bad in zip(tried, are_bad(texts)) if bad]
            if not good:
                continue
            together = frozenset().union(*good)
            if len(good) > 1:
                text = "\n".join(line for i, line in enumerate(lines) if i not in together)
                if not are_bad([text])[0]:
                    together = good[0]
            # What is tried after this is tried on what is left.
            numbers, at = {}, 0
            for i in range(len(lines)):
                if i not in together:
                    numbers[i] = at
                    at += 1
            lines = [line for i, line in enumerate(lines) if i not in together]
            waiting = [frozenset(numbers[i] for i in without) for without in waiting if not without & together]
            changed = True
    return "\n".join(lines)
