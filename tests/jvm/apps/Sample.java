package sample;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** A program of many kinds of syntax, compiled, packed and run by the tools under test. */
public class Sample {
    sealed interface Shape permits Circle, Square {}

    record Circle(double radius) implements Shape {}

    record Square(double side) implements Shape {}

    enum Size {
        SMALL {
            @Override
            String told() {
                return "small";
            }
        },
        LARGE;

        String told() {
            return "large";
        }
    }

    static double area(Shape shape) {
        if (shape instanceof Circle circle) {
            return 3 * circle.radius() * circle.radius();
        }
        return shape instanceof Square square ? square.side() * square.side() : 0;
    }

    public static int square(int of) {
        return of * of;
    }

    static String sized(Shape shape) {
        Size size = area(shape) < 10 ? Size.SMALL : Size.LARGE;
        return switch (size) {
            case SMALL -> "a " + size.told() + " one";
            case LARGE -> {
                String text = size.told();
                yield "a %s one".formatted(text);
            }
        };
    }

    public static void main(String[] words) throws Exception {
        System.out.println(System.getProperty("java.vm.name"));
        List<Shape> shapes = new ArrayList<>(List.of(new Circle(1), new Square(4), new Circle(2.5)));
        shapes.sort((one, other) -> Double.compare(area(other), area(one)));
        for (Shape shape : shapes) {
            System.out.println(shape + ": " + area(shape) + ", " + sized(shape));
        }
        Function<Integer, Integer> twice = Sample::square;
        Map<Boolean, List<Integer>> parts = IntStream.range(0, 10).boxed().map(twice.andThen(x -> x + 1))
                .collect(Collectors.partitioningBy(x -> x % 2 == 0, Collectors.toList()));
        System.out.println(parts);
        try (AutoCloseable closed = () -> System.out.println("closed")) {
            System.out.println(words[words.length]);
        } catch (ArrayIndexOutOfBoundsException e) {
            System.out.println(e.getMessage());
        }
        System.out.println("""
            a text of
              two lines""");
    }
}
