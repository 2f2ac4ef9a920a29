from __future__ import print_function
import java.lang.System
import json, re
from java.util import ArrayList, TreeMap

print(java.lang.System.getProperty("java.vm.name"))


class Point(object):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def __repr__(self):
        return "Point(%d, %d)" % (self.x, self.y)


def fib(a=0, b=1):
    while True:
        yield a
        a, b = b, a + b


print(Point(1, 2) + Point(3, 4))
numbers = fib()
print([next(numbers) for _ in range(100)][-1])
words = ArrayList(re.findall(r"\w+", "the quick brown fox jumps over the lazy dog"))
words.sort(None)
print(list(words))
print(TreeMap({w: len(w) for w in words}))
print(json.dumps({"list": [1, 2.5, None, True]}, sort_keys=True))
print(sum(x * x for x in range(1000) if x % 3), 2 ** 200)
raise ValueError("meant")
