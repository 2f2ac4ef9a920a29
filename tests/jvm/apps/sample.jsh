System.out.println(System.getProperty("java.vm.name"))
int square(int x) { return x * x; }
record Point(int x, int y) { int product() { return x * y; } }
var points = List.of(new Point(1, 2), new Point(square(3), 4))
points.stream().mapToInt(Point::product).sum()
for (var point : points) System.out.println(point)
int[] none = new int[2]
none[2]
String wrong = 1
new Point(1, 2).product() / 0
/vars
/methods
/exit 3
