// Receives webhooks with nothing but Java 17 or newer:
//
//   WEBHOOK_SECRET='your webhook secret' PORT=8080 java Receiver.java

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.FileChannel;
import java.nio.file.*;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import static java.nio.charset.StandardCharsets.UTF_8;

public class Receiver {
    static final String SECRET = System.getenv().getOrDefault("WEBHOOK_SECRET", "");
    static final int MAX_BODY_BYTES = 5 * 1024 * 1024; // An event has 4 MiB at most.
    static final long TOLERANCE_MS = 5 * 60 * 1000;
    // Every body begins with the event's name. For the rest of it, use your JSON library.
    static final Pattern EVENT = Pattern.compile("^\\{\"event\":\"(\\w+)\"");

    public static void main(String[] arguments) throws IOException {
        if (SECRET.isEmpty()) throw new Error("set WEBHOOK_SECRET to the secret of your webhook");
        Files.createDirectories(Path.of("events"));
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", port), 0);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/", exchange -> {
            int status = 500; // Not taken, so it is sent again.
            try {
                status = receive(exchange);
            } catch (Exception error) {
                error.printStackTrace();
            }
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
        });
        server.start();
        System.out.println("listening on http://127.0.0.1:" + server.getAddress().getPort());
    }

    /** Takes a webhook, and returns the status to answer with. */
    static int receive(HttpExchange exchange) throws IOException {
        // The bytes as they came, since they are what is signed.
        byte[] body = exchange.getRequestBody().readNBytes(MAX_BODY_BYTES + 1);
        if (body.length > MAX_BODY_BYTES) return 413;
        Headers headers = exchange.getRequestHeaders();
        if (!isGenuine(headers, body)) return 401;
        String id = eventId(headers, body);
        var event = EVENT.matcher(new String(body, UTF_8));
        if (id == null || !id.matches("[\\w-]{1,100}") || !event.find()) return 400;
        String what = store(id, body) ? "event=" + event.group(1) : "duplicate";
        System.out.println(what + " id=" + id);
        return 204;
    }

    /** Each request has two signatures, and one is enough. */
    static boolean isGenuine(Headers headers, byte[] body) {
        String product = headers.getFirst("growsurf-signature");
        String standard = headers.getFirst("webhook-signature");
        return (product != null || standard != null)
            && (product == null || isProductSignature(product, body))
            && (standard == null || isStandardSignature(standard, headers, body));
    }

    /**
     * By what a repeat is known. Only the standard signature covers the id: without it, anybody
     * could send a copy again under another id, so the body's hash is the key.
     */
    static String eventId(Headers headers, byte[] body) {
        if (headers.containsKey("webhook-signature")) return headers.getFirst("webhook-id");
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(body);
            return "body-" + HexFormat.of().formatHex(hash);
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }

    /** `GrowSurf-Signature: ts=<Unix ms>,v=<hex>`, and `v=` again while an old secret is valid. */
    static boolean isProductSignature(String header, byte[] body) {
        List<String> parts = List.of(header.split(",", -1));
        String ts = parts.get(0).replaceFirst("^ts=", "");
        byte[] digest = hmac(SECRET.getBytes(UTF_8), ts + ".", body);
        String wanted = "v=" + HexFormat.of().formatHex(digest);
        return isFresh(ts, 1) && hasAny(parts, wanted);
    }

    /** `webhook-signature: v1,<base64>`, one for each valid secret; see standardwebhooks.com. */
    static boolean isStandardSignature(String header, Headers headers, byte[] body) {
        String id = headers.getFirst("webhook-id");
        String timestamp = headers.getFirst("webhook-timestamp");
        byte[] key = SECRET.startsWith("whsec_")
            ? Base64.getDecoder().decode(SECRET.substring(6))
            : SECRET.getBytes(UTF_8);
        byte[] digest = hmac(key, id + "." + timestamp + ".", body);
        String wanted = "v1," + Base64.getEncoder().encodeToString(digest);
        return isFresh(timestamp, 1000) && hasAny(List.of(header.split(" ", -1)), wanted);
    }

    static byte[] hmac(byte[] key, String prefix, byte[] body) {
        try {
            Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(key, "HmacSHA256"));
            mac.update(prefix.getBytes(UTF_8));
            return mac.doFinal(body);
        } catch (GeneralSecurityException error) {
            throw new IllegalStateException("every Java has HmacSHA256", error);
        }
    }

    /** An old request may be a copy that somebody sends again. */
    static boolean isFresh(String timestamp, int unitMs) {
        if (timestamp == null || !timestamp.matches("[0-9]{1,13}")) return false;
        long sentMs = Long.parseLong(timestamp) * unitMs;
        return Math.abs(System.currentTimeMillis() - sentMs) <= TOLERANCE_MS;
    }

    /** In constant time, so that nobody can find a signature out byte by byte. */
    static boolean hasAny(List<String> given, String wanted) {
        byte[] bytes = wanted.getBytes(UTF_8);
        return given.stream().anyMatch(one -> MessageDigest.isEqual(one.getBytes(UTF_8), bytes));
    }

    /**
     * Keeps the event in a file, and tells whether it is new: only one request can link its name.
     * With a database, make the id unique there: INSERT … ON CONFLICT DO NOTHING, in the
     * transaction that changes your own tables. Slow work, such as sending e-mail, comes after
     * the answer.
     */
    static boolean store(String id, byte[] body) throws IOException {
        Path temporary = Files.createTempFile(Path.of("events"), "", ".part");
        boolean isNew = true;
        try {
            Files.write(temporary, body, StandardOpenOption.SYNC);
            Files.createLink(Path.of("events", id + ".json"), temporary);
        } catch (FileAlreadyExistsException known) {
            isNew = false;
        } finally {
            Files.delete(temporary);
        }
        try (FileChannel directory = FileChannel.open(Path.of("events"), StandardOpenOption.READ)) {
            directory.force(true); // Now the name is on disk as well.
        }
        return isNew;
    }
}
