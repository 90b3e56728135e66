import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.SchemaFactory;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Validates a log source extension, then applies it and a list of custom properties to messages, one
 * a line on standard input, with the regular expressions that QRadar has: Java's. Out: field=value
 * for each field or property found, TABs between them, one line a message.
 */
class Extension {
    private static final String SPACE = "event_parsing/device_extension";
    /** Pattern id to its element. */
    private final Map<String, Element> patterns = new HashMap<>();
    /** Field to its matchers by order. */
    private final Map<String, TreeMap<Integer, Element>> fields = new LinkedHashMap<>();
    /** Name, type, expression type, expression, capture group. */
    private final List<String[]> properties = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        File schema = new File(arguments[0]);
        File file = new File(arguments[1]);
        SchemaFactory schemas = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
        schemas.newSchema(schema).newValidator().validate(new StreamSource(file));
        Extension extension = new Extension(file);
        List<String> list = Files.readAllLines(new File(arguments[2]).toPath());
        for (String line : list.subList(1, list.size())) {
            extension.properties.add(line.split("\t"));
        }
        InputStreamReader input = new InputStreamReader(System.in, StandardCharsets.UTF_8);
        BufferedReader lines = new BufferedReader(input);
        StringBuilder out = new StringBuilder();
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            out.append(extension.apply(line)).append('\n');
        }
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    private Extension(File file) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        Element root = factory.newDocumentBuilder().parse(file).getDocumentElement();
        NodeList found = root.getElementsByTagNameNS(SPACE, "*");
        for (int at = 0; at < found.getLength(); at++) {
            Element element = (Element) found.item(at);
            if (element.getLocalName().equals("pattern")) {
                patterns.put(element.getAttribute("id"), element);
            } else if (element.hasAttribute("field")) {
                String field = element.getAttribute("field");
                int order = Integer.parseInt(element.getAttribute("order"));
                TreeMap<Integer, Element> own =
                        fields.computeIfAbsent(field, name -> new TreeMap<>());
                if (own.put(order, element) != null) {
                    throw new IllegalArgumentException(field + ": two of order " + order);
                }
            }
        }
    }

    private String apply(String line) {
        Map<String, String> keys = cef(line);
        List<String> out = new ArrayList<>();
        fields.forEach((field, matchers) -> {
            for (Element matcher : matchers.values()) {
                String value = value(matcher, line, keys);
                if (value != null && !value.isEmpty()) {
                    out.add(field + "=" + value);
                    return;
                }
            }
        });
        for (String[] property : properties) {
            String value = property[2].equals("CEF")
                    ? keys.get(property[3])
                    : found(property[3], Integer.parseInt(property[4]), line);
            if (value != null && !value.isEmpty()) {
                out.add(property[0] + "=" + value);
            }
        }
        return String.join("\t", out);
    }

    private String value(Element matcher, String line, Map<String, String> keys) {
        Element pattern = patterns.get(matcher.getAttribute("pattern-id"));
        if (matcher.getLocalName().equals("cef-matcher")) {
            if (!pattern.getAttribute("type").equals("CefKey")) {
                throw new IllegalArgumentException(pattern.getAttribute("id") + " is no CefKey");
            }
            return keys.get(pattern.getTextContent());
        }
        int group = Integer.parseInt(matcher.getAttribute("capture-group"));
        return found(pattern.getTextContent(), group, line);
    }

    private static String found(String pattern, int group, String line) {
        Matcher matcher = Pattern.compile(pattern).matcher(line);
        return matcher.find() ? matcher.group(group) : null;
    }

    /** CEF as the standard has it: header parts under their references, pairs under their keys. */
    private static Map<String, String> cef(String line) {
        Map<String, String> keys = new HashMap<>();
        int start = line.indexOf("CEF:");
        if (start < 0) {
            return keys;
        }
        String[] names = {
            "$cefversion$", "$vendor$", "$product$", "$version$", "$id$", "$name$", "$severity$"
        };
        int at = start + 4;
        for (String name : names) {
            int begin = at;
            while (at < line.length() && line.charAt(at) != '|') {
                at += line.charAt(at) == '\\' ? 2 : 1;
            }
            keys.put(name, line.substring(begin, Math.min(at, line.length())));
            at++;
        }
        String pairs = at < line.length() ? line.substring(at) : "";
        Matcher pair = Pattern.compile("(?:^| )([A-Za-z0-9]+)=(.*?)(?= [A-Za-z0-9]+=|\\s*$)")
                .matcher(pairs);
        while (pair.find()) {
            keys.put(pair.group(1), pair.group(2));
        }
        return keys;
    }
}
