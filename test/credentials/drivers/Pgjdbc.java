import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

/** Logs in with pgjdbc: one attempt per line of standard input, one result per line of standard output. */
public class Pgjdbc {
  public static void main(String[] arguments) throws Exception {
    var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      String[] field = line.split("\t", -1);
      var properties = new Properties();
      properties.setProperty("user", field[0]);
      properties.setProperty("password", field[1]);
      properties.setProperty("sslmode", field[3].equals("1") ? "verify-full" : "disable");
      properties.setProperty("sslrootcert", field[5]);
      properties.setProperty("channelBinding", field[4].equals("1") ? "require" : "prefer");
      properties.setProperty("gssEncMode", "disable");
      // Without this, pgjdbc looks for a certificate in the home directory.
      properties.setProperty("sslcert", field[6]);
      properties.setProperty("sslkey", field[7]);
      String url = "jdbc:postgresql://localhost:" + field[2] + "/shop";
      try (Connection connection = DriverManager.getConnection(url, properties);
          ResultSet rows = connection.createStatement().executeQuery("select current_user")) {
        rows.next();
        System.out.println("in\t" + rows.getString(1));
      } catch (SQLException error) {
        String message = error.getMessage().replaceAll("\\s+", " ");
        System.out.println("out\t" + error.getSQLState() + "\t" + message);
      }
    }
  }
}
