//! Templates of receivers that want alarms rather than a stream of events.

/// Slack's incoming webhook: the message of the RESK seed.
pub const SLACK: &str = r#"{
  "text": "🚨 Security Alert: {{event_type:200}}",
  "attachments": [{
    "color": "{{slack_color}}",
    "fields": [
      {"title": "Severity", "value": "{{severity_word}}", "short": true},
      {"title": "Event Type", "value": "{{event_type:200}}", "short": true},
      {"title": "Time", "value": "{{time}}", "short": true},
      {"title": "Details", "value": "{{details:2000}}", "short": false}
    ]
  }]
}"#;

/// PagerDuty Events API v2, a fault begins. Summaries have at most 1,024 characters.
const PAGERDUTY_TRIGGER: &str = r#"{
  "routing_key": "{{secret}}",
  "event_action": "trigger",
  "dedup_key": "DEDUP_KEY",
  "payload": {
    "summary": "{{vendor:200}} {{name:600}}: {{event_type:200}}",
    "source": "{{hostname}}",
    "severity": "{{pagerduty_severity}}",
    "timestamp": "{{time}}",
    "component": "{{product:200}}",
    "group": "{{schema}}",
    "class": "{{event_type:200}}",
    "custom_details": {{event}}
  }
}"#;

/// The fault is over: the same `dedup_key`, nothing else.
const PAGERDUTY_RESOLVE: &str = r#"{
  "routing_key": "{{secret}}",
  "event_action": "resolve",
  "dedup_key": "DEDUP_KEY"
}"#;

/// The most bytes that PagerDuty takes.
pub const PAGERDUTY_BYTES_MAX: usize = 512 * 1024;

/// The two templates for PagerDuty; `dedup_key` is what stands between the quotes, with
/// placeholders: what is common to the event that begins a fault and the one that ends it.
pub fn pagerduty(dedup_key: &str) -> (String, String) {
    let filled = |template: &str| template.replace("DEDUP_KEY", dedup_key);
    (filled(PAGERDUTY_TRIGGER), filled(PAGERDUTY_RESOLVE))
}
