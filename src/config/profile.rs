//! What a profile sets where the file says nothing (design, section 5).

use crate::encode::settings::Framing;

/// `profile`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Profile {
    /// IBM QRadar, and the default: every receiver takes line feeds and three fraction digits.
    #[default]
    Qradar,
    /// `ArcSight` `SmartConnector` and Logger.
    Arcsight,
    /// RFC 5424, 5425 and 6587 to the letter.
    Generic,
}

impl Profile {
    /// The words of the file.
    pub(super) const WORDS: [(&'static str, Profile); 3] = [
        ("qradar", Profile::Qradar),
        ("arcsight", Profile::Arcsight),
        ("generic", Profile::Generic),
    ];

    /// How messages are told apart on a stream.
    pub(super) fn stream_framing(self) -> Framing {
        match self {
            Profile::Qradar | Profile::Arcsight => Framing::Lf,
            Profile::Generic => Framing::OctetCounting,
        }
    }

    /// Octets of a message on a stream: QRadar's default payload length; RFC 5425, section 4.3.1
    /// wants receivers to take 8192.
    pub(super) fn stream_message_bytes(self) -> u32 {
        match self {
            Profile::Qradar | Profile::Arcsight => 4096,
            Profile::Generic => 8192,
        }
    }

    /// Octets of a datagram: QRadar's default, which is also the limit of RFC 3164; RFC 5426,
    /// section 3.2 wants receivers to take 2048.
    pub(super) fn datagram_message_bytes(self) -> u32 {
        match self {
            Profile::Qradar | Profile::Arcsight => 1024,
            Profile::Generic => 2048,
        }
    }

    /// Digits behind the second of an RFC 5424 TIMESTAMP; QRadar reads three.
    pub(super) fn fraction_digits(self) -> u8 {
        match self {
            Profile::Qradar | Profile::Arcsight => 3,
            Profile::Generic => 6,
        }
    }

    /// Structured data, which the SIEMs' CEF parsers do not expect.
    pub(super) fn structured_data(self) -> bool {
        matches!(self, Profile::Generic)
    }
}
