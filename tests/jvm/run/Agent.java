import javax.management.MBeanServerConnection;
import javax.management.ObjectName;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** Asks the management agent of its own machine, over the network. */
public class Agent {
    public static void main(String[] args) throws Exception {
        String port = System.getProperty("com.sun.management.jmxremote.port");
        try (JMXConnector connector = JMXConnectorFactory.connect(new JMXServiceURL("service:jmx:rmi:///jndi/rmi://localhost:" + port + "/jmxrmi"))) {
            MBeanServerConnection server = connector.getMBeanServerConnection();
            System.out.println(server.getAttribute(new ObjectName("java.lang:type=Runtime"), "VmName"));
            System.out.println(server.getAttribute(new ObjectName("java.lang:type=Threading"), "ThreadCount") instanceof Integer);
        }
    }
}
