// A receiver on Java's own TLS, as QRadar and ArcSight have: reads everything, says nothing.
// java Receiver.java KEYSTORE.p12: prints its port, then for each connection the bytes read.
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

public class Receiver {
    public static void main(String[] arguments) throws Exception {
        char[] password = "changeit".toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(arguments[0]), password);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        InetAddress loopback = InetAddress.getByName("127.0.0.1");
        SSLServerSocket listener =
            (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 5, loopback);
        System.out.println(listener.getLocalPort());
        try (SSLSocket socket = (SSLSocket) listener.accept()) {
            InputStream in = socket.getInputStream();
            byte[] buffer = new byte[8192];
            long total = 0;
            for (int bytes = in.read(buffer); bytes > 0; bytes = in.read(buffer)) {
                total += bytes;
            }
            System.out.println(total);
        }
    }
}
