println System.getProperty("java.vm.name")
class Point {
    int x, y
    Point plus(Point other) { new Point(x: x + other.x, y: y + other.y) }
    String toString() { "($x, $y)" }
}
println new Point(x: 1, y: 2) + new Point(x: 3, y: 4)
def counts = "the quick brown fox jumps over the lazy dog".split(" ").groupBy { it.length() }.collectEntries { k, v -> [k, v.size()] }
println counts.sort()
println((1..20).findAll { it % 3 == 0 }.collect { it * it }.sum())
println((1..25).inject(1G) { product, i -> product * i })
def text = new StringWriter()
new groovy.xml.MarkupBuilder(text).list { (1..2).each { item(number: it, "item $it") } }
println text
Integer.metaClass.twice = { -> delegate * 2 }
println 21.twice()
try {
    null.length()
} catch (NullPointerException e) {
    println e.message
}
println groovy.json.JsonOutput.toJson([name: "groovy", list: [1, 2.5, null, true]])
System.exit(4)
