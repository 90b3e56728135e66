//! One request at a time, waited for: what `send-test` and `check --connect` do.
//!
//! In: a destination's settings. Out: what the receiver answered, without secrets. Diagnostics:
//! causes are returned.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::batch::uuid;
use super::client::{Client, Lease};
use super::credentials::Sources;
use super::exchange::{pack, plain};
use super::random_uuid;
use crate::deliver::stages::{Prepared, Stages};
use crate::http::secret::{Secret, Secrets};
use crate::http::settings::Settings;
use crate::http::{self, Connector, Context, Item, Outcome, Outcomes, Record, Request, Response};
use crate::model::egress::Policy;
use crate::model::fields::{Severity, Slot};
use crate::model::outcome::Cause;
use crate::model::position::Position;
use crate::model::time::EventTime;
use crate::transport;

/// How long a command waits for an acknowledgement, and how often it asks.
const ACKNOWLEDGE_TRIES: u32 = 10;
const ACKNOWLEDGE_INTERVAL: Duration = Duration::from_secs(1);
/// The most of an answer that is shown.
const SHOWN_BYTES_MAX: usize = 500;

/// An event as the connector sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The bytes that it has in a body.
    pub bytes: Vec<u8>,
    id: String,
    severity: Severity,
}

impl Made {
    /// The same to be looked at. A place that a secret takes in the request alone (webhook
    /// templates) is a NUL until then, which no other text has.
    pub fn shown(&self) -> String {
        String::from_utf8_lossy(&self.bytes).replace('\0', "(secret)")
    }
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// It would be sent.
    Made(Made),
    /// Kept back by the filter.
    Filtered,
    /// White space alone.
    Empty,
    /// To the dead letter, for this reason.
    Dead(Cause),
}

/// Makes what the connector would send of one line, without its newline.
pub fn make(
    connector: &dyn Connector,
    stages: &mut Stages,
    hostname: &str,
    line: &[u8],
    (position, source): (Position, usize),
    now: EventTime,
) -> Line {
    stages.set_reference_time(now);
    let (fields, event, schema) = match stages.prepare(line, position, source) {
        Prepared::Event { fields, event, schema_name, .. } => (fields, event, schema_name),
        Prepared::Filtered => return Line::Filtered,
        Prepared::Empty => return Line::Empty,
        Prepared::Dead(cause) => return Line::Dead(cause),
    };
    let id = fields.get(Slot::Id, event);
    let time = fields.time().unwrap_or(now);
    let mut bytes = Vec::new();
    let item = Item { fields, event, id, schema, hostname, time };
    match connector.record(&item, &mut bytes) {
        Ok(()) => Line::Made(Made { bytes, id: id.to_owned(), severity: fields.severity() }),
        Err(cause) => Line::Dead(cause),
    }
}

/// A destination with its secrets, and its token where it has one.
pub struct Once {
    connector: Box<dyn Connector>,
    client: Client,
    gzip: bool,
    secrets: Secrets,
    token: Option<Secret>,
    channel: String,
}

/// What the receiver said.
#[derive(Debug)]
pub struct Said {
    /// The status code.
    pub status: u16,
    /// The first 500 bytes of its answer, secrets removed.
    pub text: String,
    /// How long it took.
    pub took: Duration,
    /// What that means for the event.
    pub outcome: Outcome,
    /// The receiver acknowledged that it is stored; `None` where the API has no such thing.
    pub is_acknowledged: Option<bool>,
}

impl Once {
    /// Reads the secrets and fetches a token.
    ///
    /// # Errors
    /// A secret cannot be read, or there is no token to be had.
    pub async fn new(
        settings: &Settings,
        link: transport::settings::Settings,
        egress: &Policy,
    ) -> Result<Once, Cause> {
        let connector = http::connector(settings);
        let link = transport::Connector::new(link, egress.for_http());
        let client = Client::new(link, settings.proxy.as_ref(), settings.request_timeout);
        let secrets = Sources::new(connector.secrets(), settings.credentials_dir.clone()).read()?;
        let (gzip, channel) = (settings.gzip, random_uuid());
        let mut once = Once { connector, client, gzip, secrets, token: None, channel };
        let wanted = once.connector.token_request(&once.context(&once.channel));
        if let Some(request) = wanted {
            let response = once.exchange(request?, false).await?;
            once.token = Some(once.connector.token(&response)?.value);
        }
        Ok(once)
    }

    /// Sends one event.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn send(&self, made: &Made) -> Result<Said, Cause> {
        let batch = [Record { bytes: &made.bytes, id: &made.id, severity: made.severity }];
        let digest = ring::digest::digest(&ring::digest::SHA256, made.id.as_bytes());
        let batch_id = uuid(digest.as_ref(), 0x80);
        let request = self.connector.request(&batch, &self.context(&batch_id))?;
        let began = Instant::now();
        let response = self.exchange(request, true).await?;
        let took = began.elapsed();
        let verdict = self.connector.verdict(&batch, &response);
        let outcome = match verdict.events {
            Outcomes::All(outcome) => Some(outcome),
            Outcomes::Each(outcomes) => outcomes.into_iter().next(),
        };
        let unclear = || Outcome::Retry(Cause::new("unclear_answer", "the answer is not clear"));
        let is_acknowledged = match verdict.acknowledgement {
            Some(number) => Some(self.is_acknowledged(number).await),
            None => None,
        };
        Ok(Said {
            status: response.status,
            text: self.shown(&response),
            took,
            outcome: outcome.unwrap_or_else(unclear),
            is_acknowledged,
        })
    }

    /// Proves the credentials where the API has a harmless way, and else connects; answers what
    /// that proves.
    ///
    /// # Errors
    /// The destination is not in order.
    pub async fn probe(&self) -> Result<&'static str, Cause> {
        match self.connector.probe(&self.context(&self.channel)) {
            Some(request) => {
                let response = self.exchange(request?, false).await?;
                self.connector.probed(&response)?;
                Ok("the receiver takes the credentials")
            }
            None => {
                let endpoint = self.connector.endpoint();
                self.client.open(endpoint, self.channel.clone()).await?;
                Ok("connected; this API has no harmless way to prove the credentials")
            }
        }
    }

    /// Where requests go.
    pub fn describe(&self) -> String {
        self.connector.endpoint().to_string()
    }

    async fn is_acknowledged(&self, number: u64) -> bool {
        for _ in 0..ACKNOWLEDGE_TRIES {
            let context = self.context(&self.channel);
            let asked = self.connector.acknowledgement_request(&[number], &context);
            let Some(Ok(request)) = asked else { return false };
            // Over the connection that the event went by, where it is still there.
            let lease = self.client.lease(self.connector.endpoint(), Some(&self.channel));
            if let Ok(response) = self.exchange_over(lease, request, false).await
                && self
                    .connector
                    .acknowledged(&[number], &response)
                    .is_ok_and(|stored| stored.contains(&number))
            {
                return true;
            }
            tokio::time::sleep(ACKNOWLEDGE_INTERVAL).await;
        }
        false
    }

    fn context<'a>(&'a self, batch_id: &'a str) -> Context<'a> {
        Context {
            secrets: &self.secrets,
            token: self.token.as_ref(),
            batch_id,
            channel: &self.channel,
            now: EventTime(Timestamp::now().as_microsecond()),
        }
    }

    async fn exchange(&self, request: Request, is_batch: bool) -> Result<Response, Cause> {
        self.exchange_over(None, request, is_batch).await
    }

    async fn exchange_over(
        &self,
        lease: Option<Lease>,
        request: Request,
        is_batch: bool,
    ) -> Result<Response, Cause> {
        let own = request.endpoint.clone();
        let to = own.unwrap_or_else(|| self.connector.endpoint().clone());
        let takes_gzip = is_batch && self.gzip && self.connector.limits().takes_gzip;
        let packed = if takes_gzip { pack(request, true)? } else { plain(request) };
        let channel = self.channel.clone();
        let answered = self.client.exchange(&to, lease, channel, packed).await;
        answered.map_err(|failed| failed.cause)
    }

    fn shown(&self, response: &Response) -> String {
        let head = response.body.get(..SHOWN_BYTES_MAX).unwrap_or(&response.body);
        let text = self.secrets.redact(&String::from_utf8_lossy(head));
        let text = match &self.token {
            Some(token) => text.replace(token.expose(), "(secret)"),
            None => text,
        };
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
    }
}
