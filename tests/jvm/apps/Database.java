import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/** Tables in a file, transactions, joins, an index and errors, by JDBC. */
public class Database {
    static void show(Statement statement, String query) throws SQLException {
        try (ResultSet rows = statement.executeQuery(query)) {
            int columns = rows.getMetaData().getColumnCount();
            while (rows.next()) {
                StringBuilder line = new StringBuilder();
                for (int i = 1; i <= columns; i++) {
                    line.append(i == 1 ? "" : " | ").append(rows.getString(i));
                }
                System.out.println(line);
            }
        }
    }

    static void fill(Connection connection, int count) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement insert = connection.prepareStatement("insert into person values (?, ?, ?, ?)")) {
            for (int i = 0; i < count; i++) {
                insert.setInt(1, i);
                insert.setString(2, "name" + i * 7919 % count);
                insert.setBigDecimal(3, new java.math.BigDecimal(i).movePointLeft(2));
                insert.setInt(4, i % 7);
                insert.addBatch();
            }
            insert.executeBatch();
        }
        connection.commit();
    }

    public static void main(String[] words) throws SQLException {
        System.out.println(System.getProperty("java.vm.name"));
        String url = "jdbc:h2:" + words[0];
        try (Connection connection = DriverManager.getConnection(url); Statement statement = connection.createStatement()) {
            statement.execute("create table town (id int primary key, name varchar(20))");
            statement.execute("create table person (id int primary key, name varchar(20), money decimal(10, 2), town int references town)");
            statement.execute("insert into town select x, 'town' || x from system_range(0, 6)");
            fill(connection, Integer.parseInt(words[1]));
            statement.execute("create index by_name on person(name)");
            statement.execute("update person set money = money * 2 where town in (select id from town where name like '%3')");
            connection.commit();
            statement.execute("delete from person");
            connection.rollback();
        }
        try (Connection connection = DriverManager.getConnection(url); Statement statement = connection.createStatement()) {
            show(statement, "select t.name, count(*), sum(p.money), max(p.name) from person p join town t on p.town = t.id group by t.name order by 3 desc");
            show(statement, "select id, money from person where name = 'name5'");
            show(statement, "explain select * from person where name = 'name5'");
            show(statement, "with recursive n(i) as (select 1 union all select i * 3 from n where i < 1000) select * from n");
            statement.execute("insert into person values (0, 'again', 0, 0)");
        }
    }
}
