import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/* Records, lambdas, streams, string concatenation and a formatter. */
public class Streams {
    record Pair(String name, int number) {}

    public static void main(String[] arguments) {
        List<Pair> pairs = List.of(new Pair("a", 1), new Pair("bb", 2), new Pair("a", 3));
        System.out.println(pairs.stream().filter(pair -> pair.number() > 0)
                .collect(Collectors.groupingBy(Pair::name, Collectors.summingInt(Pair::number))));
        System.out.println(String.format("%5d|%s", IntStream.range(0, 100).map(i -> i * i).sum(),
                Stream.of("x", "y").map(text -> text + "!").collect(Collectors.joining(","))));
    }
}
