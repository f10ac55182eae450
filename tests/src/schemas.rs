//! Whether messages of one version can be read by another, from the AsyncAPI documents of both.
//!
//! Old and new run side by side during an upgrade, and the log holds what was written before it. So a
//! new reader must take old messages and an old reader new ones: fields are only added, and only such
//! as may be missing.

use std::collections::BTreeSet;

use serde_json::Value;

/// Deeper than any message is.
const MOST_LEVELS: usize = 16;

/// What an upgrade from the one to the other would break, by topic and field.
pub fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let messages = old["components"]["messages"].as_object();
    for (topic, message) in messages.expect("messages") {
        let data = |message: &Value| message["payload"]["properties"]["data"].clone();
        let now = &new["components"]["messages"][topic];
        match now.is_null() {
            true => found.push(format!("{topic}: the topic is gone")),
            false => compare(
                (old, &data(message)),
                (new, &data(now)),
                topic,
                0,
                &mut found,
            ),
        }
    }
    found
}

/// A schema with the document that it refers to.
type Placed<'a> = (&'a Value, &'a Value);

fn compare(old: Placed<'_>, new: Placed<'_>, path: &str, level: usize, found: &mut Vec<String>) {
    if level > MOST_LEVELS {
        return;
    }
    let (then, now) = (resolved(old), resolved(new));
    if types(then) != types(now) {
        found.push(format!(
            "{path}: was {:?}, is {:?}",
            types(then),
            types(now)
        ));
    }
    if then["const"] != now["const"] {
        found.push(format!(
            "{path}: was {}, is {}",
            then["const"], now["const"]
        ));
    }
    let (before, after) = (texts(&then["enum"]), texts(&now["enum"]));
    for gone in before.difference(&after) {
        found.push(format!("{path}: the value {gone} is gone"));
    }
    let (before, after) = (texts(&then["required"]), texts(&now["required"]));
    for (name, field) in then["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let here = &now["properties"][name];
        match here.is_null() {
            true => found.push(format!("{path}: the field is gone")),
            false => compare((old.0, field), (new.0, here), &path, level + 1, found),
        }
        if before.contains(name) && !after.contains(name) && !here.is_null() {
            found.push(format!("{path}: may be missing, and old readers need it"));
        }
    }
    for name in after.difference(&before) {
        found.push(format!(
            "{path}.{name}: is needed, and old messages may lack it"
        ));
    }
    compare_parts(old, new, path, level, found);
}

/// What a schema is put together from: items, and alternatives in their order.
fn compare_parts(
    old: Placed<'_>,
    new: Placed<'_>,
    path: &str,
    level: usize,
    found: &mut Vec<String>,
) {
    let (then, now) = (resolved(old), resolved(new));
    if !then["items"].is_null() {
        let path = format!("{path}[]");
        compare(
            (old.0, &then["items"]),
            (new.0, &now["items"]),
            &path,
            level + 1,
            found,
        );
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        let parts = |schema: &Value| schema[key].as_array().cloned().unwrap_or_default();
        let (before, after) = (parts(then), parts(now));
        if after.len() < before.len() {
            found.push(format!("{path}: an alternative of {key} is gone"));
        }
        for (before, after) in before.iter().zip(&after) {
            compare((old.0, before), (new.0, after), path, level + 1, found);
        }
    }
}

fn resolved<'a>((document, schema): Placed<'a>) -> &'a Value {
    match schema["$ref"]
        .as_str()
        .and_then(|link| link.strip_prefix('#'))
    {
        Some(pointer) => document.pointer(pointer).expect("what is referred to"),
        None => schema,
    }
}

fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::String(one) => BTreeSet::from([one.clone()]),
        several => texts(several),
    }
}

fn texts(values: &Value) -> BTreeSet<String> {
    let texts = values.as_array().into_iter().flatten();
    texts
        .filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(data: Value) -> Value {
        json!({"components": {
            "messages": {"trades": {"payload": {"properties": {"data": data}}}},
            "schemas": {"Side": {"type": "string", "enum": ["BUY", "SELL"]}},
        }})
    }

    fn trade() -> Value {
        json!({"type": "object", "required": ["price", "side"], "properties": {
            "price": {"type": "number"}, "side": {"$ref": "#/components/schemas/Side"},
            "fee": {"type": ["number", "null"]}, "tags": {"type": "array",
                "items": {"type": "string"}}}})
    }

    fn breaks_with(change: impl Fn(&mut Value)) -> String {
        let mut new = document(trade());
        change(&mut new);
        breaks(&document(trade()), &new).join("; ")
    }

    #[test]
    fn what_is_added_breaks_nothing() {
        let data = "/components/messages/trades/payload/properties/data";
        let told = breaks_with(|new| {
            let data = new.pointer_mut(data).expect("the schema");
            data["properties"]["venue"] = json!({"type": "string"});
            new["components"]["schemas"]["Side"]["enum"] = json!(["BUY", "SELL", "SHORT"]);
        });
        assert_eq!(told, "");
    }

    #[test]
    fn every_break_is_told_by_its_field() {
        let data = "/components/messages/trades/payload/properties/data";
        let change = |what: &str| {
            breaks_with(|new| {
                if what == "enum" {
                    new["components"]["schemas"]["Side"]["enum"] = json!(["BUY"]);
                    return;
                }
                let data = new.pointer_mut(data).expect("the schema");
                match what {
                    "gone" => {
                        data["properties"]
                            .as_object_mut()
                            .expect("fields")
                            .remove("fee");
                    }
                    "type" => data["properties"]["price"]["type"] = json!("string"),
                    "items" => data["properties"]["tags"]["items"]["type"] = json!("number"),
                    "needed" => data["required"] = json!(["price", "side", "fee"]),
                    _ => data["required"] = json!(["price"]),
                }
            })
        };
        assert_eq!(change("gone"), "trades.fee: the field is gone");
        assert!(
            change("type").starts_with("trades.price: was"),
            "{}",
            change("type")
        );
        assert!(
            change("items").starts_with("trades.tags[]: was"),
            "{}",
            change("items")
        );
        assert_eq!(
            change("needed"),
            "trades.fee: is needed, and old messages may lack it"
        );
        assert_eq!(
            change("optional"),
            "trades.side: may be missing, and old readers need it"
        );
        assert_eq!(change("enum"), "trades.side: the value SELL is gone");
        let mut new = document(trade());
        new["components"]["messages"] = json!({});
        assert_eq!(
            breaks(&document(trade()), &new),
            ["trades: the topic is gone"]
        );
    }
}
