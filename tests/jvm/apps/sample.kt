data class Point(val x: Int, val y: Int)

sealed class Shape {
    abstract val area: Double
    class Circle(val radius: Double) : Shape() { override val area get() = 3 * radius * radius }
    object Empty : Shape() { override val area = 0.0 }
}

fun <T : Comparable<T>> List<T>.largest(): T? = maxBy { it }

fun main(words: Array<String>) {
    println(System.getProperty("java.vm.name"))
    val (x, y) = Point(3, 4).copy(y = 5)
    println("$x $y ${listOf(3, 9, 2).largest()}")
    for (shape in listOf(Shape.Circle(2.0), Shape.Empty)) println(when (shape) { is Shape.Circle -> "circle ${shape.area}"; else -> "none" })
    println(generateSequence(1) { it * 2 }.takeWhile { it < 1000 }.toList())
    println("one two three two".split(" ").groupingBy { it }.eachCount())
    val text: String? = words.firstOrNull()
    println(text?.length ?: "no words")
    error("meant")
}
