//! Fields and columns at the receivers that want them declared: ArcSight's field mapping,
//! Sentinel's table and data collection rule, Elastic's index template.
//!
//! In: the schemas' rows. Out: a table and JSON.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use spoolgate::model::cef::DICTIONARY;

use super::schemas::{Row, Schema};

/// The stream and the table behind it.
const TABLE: &str = "SpoolgateEvents_CL";

/// Sentinel's columns, their types, and, of some, a schema and the path that it has for them.
/// First Arbitex's, then AISG's, as their documents name them; then what every event has.
const COLUMNS: [(&str, &str, &str, &str); 26] = [
    ("TimeGenerated", "datetime", "", ""),
    ("EventId", "string", "", ""),
    ("UserId", "string", "arbitex", "actor.user.uid"),
    ("UserEmail", "string", "arbitex", "actor.user.email_addr"),
    ("Operation", "string", "", ""),
    ("ModelId", "string", "arbitex", "unmapped.model"),
    ("PolicyAction", "string", "arbitex", "unmapped.policy_action"),
    ("DlpLabels", "string", "arbitex", "unmapped.dlp_labels"),
    ("TokensInput", "long", "arbitex", "unmapped.token_in"),
    ("TokensOutput", "long", "arbitex", "unmapped.token_out"),
    ("SeverityId", "int", "", ""),
    ("RawOCSF", "string", "", ""),
    ("EventType", "string", "", ""),
    ("Severity", "string", "", ""),
    ("OrgId", "string", "aisg", "OrgId"),
    ("ProjectId", "string", "aisg", "ProjectId"),
    ("EntitiesDetected", "string", "aisg", "EntitiesDetected"),
    ("Action", "string", "aisg", "Action"),
    ("Model", "string", "aisg", "Model"),
    ("Provider", "string", "aisg", "Provider"),
    ("Source", "string", "", ""),
    ("Computer", "string", "", ""),
    ("DeviceVendor", "string", "", ""),
    ("DeviceProduct", "string", "", ""),
    ("Message", "string", "", ""),
    ("RawEvent", "string", "", ""),
];

/// Schemas whose members have one meaning each. Others bring members of any type: dynamic mapping.
const ELASTIC: [&str; 4] = ["arbitex", "mitrity", "aisg", "resk"];

/// `arcsight/fields.tsv`: where each value stands in ArcSight.
pub fn arcsight(schemas: &[Schema]) -> String {
    let known: BTreeMap<&str, Vec<&str>> = DICTIONARY
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .filter_map(|columns| Some((*columns.first()?, columns)))
        .collect();
    let mut out = String::from(
        "schema\tCEF key\tArcSight field\ttype\tlongest value\tlabel\tvalue in the event\n",
    );
    for schema in schemas {
        let header = [
            ("Device Vendor", "deviceVendor", "63"),
            ("Device Product", "deviceProduct", "63"),
            ("Device Version", "deviceVersion", "31"),
            ("Device Event Class ID", "deviceEventClassId", "1023"),
            ("Name", "name", "512"),
        ];
        for (part, field, longest) in header {
            let _ = writeln!(out, "{}\t{part}\t{field}\tString\t{longest}\t\t", schema.name);
        }
        let _ = writeln!(out, "{}\tSeverity\tagentSeverity\t0 to 10\t\t\t", schema.name);
        for row in &schema.rows {
            let rule = known.get(row.key.as_str());
            let column = |at: usize| rule.and_then(|rule| rule.get(at)).copied().unwrap_or("");
            let (field, kind) = match rule {
                Some(_) => (column(1), column(2)),
                None => ("Additional Data", "String"),
            };
            let label = row.label.as_deref().unwrap_or("");
            let Row { key, source, .. } = row;
            let name = &schema.name;
            let _ =
                writeln!(out, "{name}\t{key}\t{field}\t{kind}\t{}\t{label}\t{source}", column(3));
        }
    }
    out
}

/// `sentinel/table.json`: the body of a PUT on the workspace's tables/SpoolgateEvents_CL.
pub fn sentinel_table(schemas: &[Schema]) -> Result<String, Box<dyn Error>> {
    for (column, _, name, path) in COLUMNS.into_iter().filter(|(.., path)| !path.is_empty()) {
        let mut rows = schemas.iter().filter(|schema| schema.name == name).flat_map(|s| &s.rows);
        if !rows.any(|row| row.paths.iter().any(|known| known == path)) {
            return Err(format!("{column}: the schema {name} has no path {path}").into());
        }
    }
    let properties = json!({ "schema": { "name": TABLE, "columns": columns() } });
    pretty(&json!({ "properties": properties }))
}

/// `sentinel/dcr.json`: an ARM template with the data collection rule.
pub fn sentinel_rule() -> Result<String, Box<dyn Error>> {
    let stream = format!("Custom-{TABLE}");
    let text =
        |description: &str| json!({ "type": "string", "metadata": { "description": description } });
    let rule = json!({
        "type": "Microsoft.Insights/dataCollectionRules",
        "apiVersion": "2023-03-11",
        "name": "[parameters('name')]",
        "location": "[parameters('location')]",
        "kind": "Direct",
        "properties": {
            "streamDeclarations": { &stream: { "columns": columns() } },
            "destinations": { "logAnalytics": [
                { "workspaceResourceId": "[parameters('workspace')]", "name": "workspace" },
            ] },
            "dataFlows": [{
                "streams": [stream], "destinations": ["workspace"], "transformKql": "source",
                "outputStream": stream,
            }],
        },
    });
    pretty(&json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "name": { "type": "string", "defaultValue": "spoolgate" },
            "location": { "type": "string", "defaultValue": "[resourceGroup().location]" },
            "workspace": text("Resource id of the Log Analytics workspace."),
        },
        "resources": [rule],
        "outputs": {
            "rule_id": { "type": "string", "value":
                "[reference(resourceId('Microsoft.Insights/dataCollectionRules', parameters('name'))).immutableId]" },
            "endpoint": { "type": "string", "value":
                "[reference(resourceId('Microsoft.Insights/dataCollectionRules', parameters('name'))).endpoints.logsIngestion]" },
        },
    }))
}

fn columns() -> Value {
    COLUMNS.iter().map(|(name, kind, ..)| json!({ "name": name, "type": kind })).collect()
}

/// `elastic/index-template.json`: the body of a PUT on _index_template/spoolgate.
pub fn elastic(schemas: &[Schema]) -> Result<String, Box<dyn Error>> {
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    for schema in schemas.iter().filter(|schema| ELASTIC.contains(&schema.name.as_str())) {
        for row in &schema.rows {
            let kind = elastic_type(row);
            // The name in print; the others are spellings that may be something else elsewhere.
            if let Some(path) = row.paths.first() {
                types.entry(path).or_insert(kind);
            }
        }
    }
    types.insert("@timestamp", "date");
    types.insert("severity_id", "integer");
    types.insert("class_uid", "integer");
    types.insert("event_type", "keyword");
    types.insert("id", "keyword");
    // What has members is an object, also where a row takes it whole.
    let leaves: BTreeMap<&str, &str> = types
        .iter()
        .filter(|(path, _)| !types.keys().any(|other| other.starts_with(&format!("{path}."))))
        .map(|(path, kind)| (*path, *kind))
        .collect();
    let mut properties = Map::new();
    for (path, kind) in leaves {
        insert(&mut properties, path, kind).ok_or(format!("{path}: both a value and an object"))?;
    }
    pretty(&json!({
        "index_patterns": ["arbitex-audit*", "spoolgate*"],
        "priority": 200,
        "template": {
            // Of a value of another type the rest of the event is kept.
            "settings": { "index": { "mapping": { "ignore_malformed": true } } },
            "mappings": {
                "date_detection": false,
                "dynamic_templates": [
                    { "texts": { "match_mapping_type": "string",
                                 "mapping": { "type": "keyword", "ignore_above": 8191 } } },
                ],
                "properties": properties,
            },
        },
        "_meta": { "description": "Events that Spoolgate delivers" },
    }))
}

fn elastic_type(row: &Row) -> &'static str {
    let slot =
        |slot: &str| row.key.strip_prefix(slot).is_some_and(|digit| digit.parse::<u8>().is_ok());
    match row.key.as_str() {
        "tokenIn" | "tokenOut" => "long",
        "rt" => "date",
        "msg" => "text",
        _ if row.label.as_deref() == Some("Compliance") => "flattened",
        _ if slot("cn") => "long",
        _ if slot("cfp") || row.label.as_deref() == Some("DriftScore") => "double",
        _ => "keyword",
    }
}

fn insert(properties: &mut Map<String, Value>, path: &str, kind: &str) -> Option<()> {
    let Some((first, rest)) = path.split_once('.') else {
        let mut mapping = json!({ "type": kind });
        if kind == "keyword" {
            mapping.as_object_mut()?.insert("ignore_above".to_owned(), json!(8191));
        }
        return properties.insert(path.to_owned(), mapping).is_none().then_some(());
    };
    let object = properties.entry(first).or_insert_with(|| json!({ "properties": {} }));
    insert(object.get_mut("properties")?.as_object_mut()?, rest, kind)
}

fn pretty(value: &Value) -> Result<String, Box<dyn Error>> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
