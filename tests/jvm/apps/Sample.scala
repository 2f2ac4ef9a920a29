sealed trait Tree
case class Leaf(value: Int) extends Tree
case class Node(left: Tree, right: Tree) extends Tree

object Sample {
  def sum(tree: Tree): Int = tree match {
    case Leaf(value) => value
    case Node(left, right) => sum(left) + sum(right)
  }

  implicit class Told(val of: Int) extends AnyVal { def told: String = s"<$of>" }

  def main(words: Array[String]): Unit = {
    println(System.getProperty("java.vm.name"))
    val tree = Node(Node(Leaf(1), Leaf(2)), Leaf(3))
    println(tree, sum(tree), 7.told)
    println((1 to 30).filter(_ % 2 == 0).groupBy(_ % 5).toSeq.sortBy(_._1))
    lazy val primes: Stream[Int] = 2 #:: Stream.from(3).filter(n => primes.takeWhile(p => p * p <= n).forall(n % _ != 0))
    println(primes.take(20).toList)
    println((BigInt(1) to 30).product)
    for (x <- Seq(1, 2); y <- Seq("a", "b") if x > 1) println(x + y)
    tree match { case Leaf(_) => println("a leaf") }
  }
}
