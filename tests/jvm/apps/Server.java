import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.File;
import java.io.IOException;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.startup.Tomcat;

/** Tomcat with a servlet, a page compiled from JSP and a static file; ends with its input. */
public class Server {
    public static class Sums extends HttpServlet {
        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) throws IOException {
            int to = Integer.parseInt(request.getParameter("to"));
            Integer before = (Integer) request.getSession().getAttribute("asked");
            request.getSession().setAttribute("asked", before == null ? 1 : before + 1);
            response.setContentType("text/plain;charset=UTF-8");
            response.getWriter().printf("sum to %d is %d, asked %s%n", to, to * (to + 1) / 2, before);
        }

        @Override
        protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException, ServletException {
            byte[] body = request.getInputStream().readAllBytes();
            response.setHeader("X-Length", String.valueOf(body.length));
            response.getOutputStream().write(body);
        }
    }

    public static void main(String[] words) throws LifecycleException, IOException {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(words[0]);
        tomcat.setPort(0);
        tomcat.getConnector();
        Context context = tomcat.addWebapp("/app", new File(words[0], "application").getAbsolutePath());
        context.setParentClassLoader(Server.class.getClassLoader());
        Tomcat.addServlet(context, "sums", new Sums());
        context.addServletMappingDecoded("/sums", "sums");
        tomcat.start();
        System.out.println(System.getProperty("java.vm.name"));
        System.out.println("port " + tomcat.getConnector().getLocalPort());
        while (System.in.read() >= 0) {
            continue;
        }
        tomcat.stop();
        tomcat.destroy();
        System.out.println("stopped");
    }
}
