//! What the encode stage is told, with every profile resolved (design, section 5).

/// How one destination's messages look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// HOSTNAME; QRadar's Log Source Identifier.
    pub hostname: String,
    /// Syslog facility, 0 to 23 (RFC 5424, table 1).
    pub facility: u8,
    /// The syslog header.
    pub header: Header,
    /// How a message ends or is counted on a stream; a datagram has none.
    pub framing: Framing,
    /// The body.
    pub body: Body,
    /// The CEF body's options.
    pub cef: CefSettings,
    /// The most octets of a whole message without its framing.
    pub max_message_bytes: usize,
    /// Structured data `origin`, `meta sequenceId`, `timeQuality` instead of `-`.
    pub structured_data: bool,
    /// A UTF-8 BOM before MSG (RFC 5424, section 6.4).
    pub bom: bool,
}

/// Which syslog header stands before the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// RFC 5424, TIMESTAMP with that many fraction digits, 0 to 6.
    Rfc5424 {
        /// 0 to 6; QRadar wants 3.
        fraction_digits: u8,
    },
    /// RFC 3164, for old ArcSight connectors. Timestamps are UTC.
    Rfc3164,
}

/// RFC 6587, sections 3.4.1 and 3.4.2, and two trailers seen in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A line feed behind each message.
    Lf,
    /// `MSG-LEN SP` before each message.
    OctetCounting,
    /// A NUL behind each message.
    Nul,
    /// CR LF behind each message.
    CrLf,
    /// One message a datagram (RFC 5426).
    Datagram,
}

/// The body of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// CEF.
    Cef,
    /// LEEF 1.0: attributes apart by TAB.
    Leef1,
    /// LEEF 2.0 with its delimiter.
    Leef2 {
        /// The attribute delimiter.
        delimiter: char,
    },
    /// The event as it was, without guarded keys.
    Json,
}

/// `[destination.cef]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CefSettings {
    /// 0 (default) or 1.
    pub version: u8,
    /// Values that do not fit their key's type move to a labelled slot or `deviceExternalId`.
    pub strict: bool,
    /// Overrides the schema's Device Vendor.
    pub device_vendor: Option<String>,
    /// Overrides the schema's Device Product.
    pub device_product: Option<String>,
    /// Overrides the schema's Device Version.
    pub device_version: Option<String>,
}
