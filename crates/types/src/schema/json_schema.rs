//! Payload tables as JSON Schema 2020-12, with the feature `schema`. It accepts what [`Schema::check`] accepts; that
//! numbers must be ones JavaScript can hold is the JSON reader's to say, and no schema can.

use schemars::{SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{Field, Kind, Presence, Schema};

impl Schema {
    /// The schema; others that it leads to become definitions of `generator`. What a full payload always has and ingest
    /// does not insist on is marked with `x-expected`.
    pub fn json_schema(&'static self, generator: &mut SchemaGenerator) -> schemars::Schema {
        let mut properties = Map::new();
        for field in self.fields {
            properties.insert(field.name.to_owned(), field.json_schema(generator));
        }
        let required: Vec<&str> =
            self.fields.iter().filter(|field| field.is_required()).map(|field| field.name).collect();
        json_schema!({
            "description": self.description(),
            "type": "object",
            "properties": properties,
            "required": required,
        })
    }

    /// A reference to the schema, as a definition of `generator` with its own name.
    pub fn reference(&'static self, generator: &mut SchemaGenerator) -> schemars::Schema {
        if !generator.definitions().contains_key(self.name) {
            // Something has to stand there while its members are described: one of them may lead back to it.
            generator.definitions_mut().insert(self.name.to_owned(), Value::Bool(true));
            let schema = self.json_schema(generator).to_value();
            generator.definitions_mut().insert(self.name.to_owned(), schema);
        }
        let path =
            generator.settings().definitions_path.trim_start_matches('#').trim_end_matches('/').to_owned();
        schemars::Schema::new_ref(format!("#{path}/{}", self.name))
    }
}

impl Field {
    fn json_schema(&self, generator: &mut SchemaGenerator) -> Value {
        let mut schema = self.kind.json_schema(generator);
        if self.is_nullable() {
            schema = or_null(schema);
        }
        if let Some(schema) = schema.as_object_mut() {
            let known = self.kind.known_values();
            let description = if known.is_empty() {
                self.description().to_owned()
            } else {
                format!("{} Known are {}; others may come.", self.description(), known.join(", "))
            };
            schema.insert("description".to_owned(), description.into());
            if !known.is_empty() {
                schema.insert("examples".to_owned(), known.into());
            }
            if self.presence == Presence::Expected {
                schema.insert("x-expected".to_owned(), true.into());
            }
        }
        schema
    }
}

impl Kind {
    fn json_schema(&self, generator: &mut SchemaGenerator) -> Value {
        match self {
            Self::Id => json!({ "type": "string", "minLength": 1 }),
            Self::Text | Self::OneOf(_) => json!({ "type": "string" }),
            Self::Integer | Self::Timestamp | Self::Amount => integer(),
            Self::Number => json!({ "type": "number" }),
            Self::Boolean => json!({ "type": "boolean" }),
            Self::TextList => json!({ "type": "array", "items": { "type": "string" } }),
            Self::Map => json!({ "type": "object" }),
            Self::CountOrMap => {
                json!({ "anyOf": [integer(), { "type": "object", "additionalProperties": integer() }] })
            }
            Self::Object(schema) => schema.reference(generator).to_value(),
            Self::List(schema) => json!({ "type": "array", "items": schema.reference(generator) }),
        }
    }
}

fn integer() -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX })
}

fn or_null(mut schema: Value) -> Value {
    if let Some(Value::String(one)) = schema.get("type").cloned() {
        schema["type"] = json!([one, "null"]);
        return schema;
    }
    json!({ "anyOf": [schema, { "type": "null" }] })
}
