//! How the messages' fields look to a reader of JSON, for `#[schemars(with = "...")]`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

macro_rules! field_schemas {
    ($($(#[$doc:meta])* $name:ident $json_type:literal $format:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub(crate) struct $name;

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({"type": $json_type, "format": $format})
                }
            }
        )*
    };
}

field_schemas! {
    /// An exact decimal, written as a number.
    Number "number" "decimal";
    /// A point in time, by RFC 3339.
    Time "string" "date-time";
    /// A UUID.
    Id "string" "uuid";
}
