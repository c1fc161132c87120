//! The API as an OpenAPI 3.1 document: operations from a table ([`operations`]), shapes as serde
//! writes and reads them.
//!
//! A test holds the table equal to the routes, and answers are checked against their shapes. What
//! goes for every operation is said here once: problems, credentials, parameters of paths.

mod operation;
mod operations;
pub(crate) mod patches;

use std::sync::OnceLock;

use rollcall_model::{OwnerId, SubOwnerId};
use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::Problem;
use crate::config::Auth;
use operation::{Content, IfMatch, Kind, Operation, Parameter};

const SCHEMAS: &str = "/components/schemas";

/// Made once. Where nobody signs in, no credential is asked for.
pub(crate) fn document(auth: Auth) -> &'static Value {
    static ON: OnceLock<Value> = OnceLock::new();
    static OFF: OnceLock<Value> = OnceLock::new();
    match auth {
        Auth::On => ON.get_or_init(build),
        Auth::Off => OFF.get_or_init(|| without_credentials(build())),
    }
}

fn without_credentials(mut document: Value) -> Value {
    document["security"] = json!([]);
    document["components"]["securitySchemes"] = json!({});
    document
}

fn build() -> Value {
    let mut shapes = Shapes::new();
    let mut paths = Map::new();
    for operation in operations::all() {
        let path = paths
            .entry(operation.path)
            .or_insert_with(|| json!({"parameters": path_parameters(operation.path, &mut shapes)}));
        path[operation.method] = described(&operation, &mut shapes);
    }
    let problem = shapes.written(operation::shape::<Problem>());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Rollcall",
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": "MIT", "identifier": "MIT"},
            "description": "Keeps the roll of data owners from a telemetry stream. Lists are keyset-paged; \
                            errors are `application/problem+json`; what is unknown is null; ids in paths are \
                            percent-encoded.",
        },
        "security": [{"key": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "`rollcall keys create` makes one."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "rollcall_session",
                    "description": "`POST /api/v1/session` opens one.",
                },
            },
            "responses": {
                "Problem": {
                    "description": "What is wrong, and how to mend it (RFC 9457).",
                    "headers": {
                        "Retry-After": {
                            "description": "Seconds after which to try again, where that helps (429, 503).",
                            "schema": {"type": "string"},
                        },
                    },
                    "content": {"application/problem+json": {"schema": problem}},
                },
            },
            "schemas": shapes.all(),
        },
    })
}

fn described(operation: &Operation, shapes: &mut Shapes) -> Value {
    let mut described = json!({
        "tags": [operation.tag],
        "operationId": operation_id(operation),
        "summary": operation.summary,
        "responses": responses(operation, shapes),
    });
    let role = match operation.role {
        None => "Anybody may.".to_owned(),
        Some(role) => format!("Needs the role `{}`.", role.as_str()),
    };
    let if_match = match operation.if_match {
        IfMatch::Taken => {
            " With `If-Match` it is meant for the version that has this `ETag`; another one is 412."
        }
        IfMatch::Ignored => "",
    };
    described["description"] = format!("{} {role}{if_match}", operation.about)
        .trim()
        .into();
    if operation.role.is_none() {
        described["security"] = json!([]);
    }
    let parameters = parameters(&operation.query, shapes);
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = operation.body {
        let schema = shapes.read(body.shape);
        described["requestBody"] = json!({
            "required": body.required,
            "content": {body.media_type: {"schema": schema}},
        });
    }
    described
}

/// Such as `postOwnersOwnerIdApprove`: unique, and stable.
fn operation_id(operation: &Operation) -> String {
    let path = operation.path.trim_start_matches("/api/v1");
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty()).map(|word| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    });
    words.fold(operation.method.to_owned(), |id, word| id + &word)
}

/// What comes beside an answer's body.
fn headers(operation: &Operation, status: u16) -> Map<String, Value> {
    let mut headers = Map::new();
    let mut add = |name: &str, about: &str| {
        let header = json!({"description": about, "schema": {"type": "string"}});
        headers.insert(name.to_owned(), header);
    };
    if operation.versioned {
        add("ETag", "The version, in quotes: what `If-Match` takes.");
    }
    if operation.versioned && status == 201 {
        add("Location", "The path of what was created.");
    }
    headers
}

fn responses(operation: &Operation, shapes: &mut Shapes) -> Value {
    let mut responses = Map::new();
    for (status, about, content) in &operation.answers {
        let mut response = json!({"description": about});
        let headers = headers(operation, *status);
        if !headers.is_empty() {
            response["headers"] = headers.into();
        }
        match content {
            Content::Json(shape) => {
                let schema = shapes.written(*shape);
                response["content"] = json!({"application/json": {"schema": schema}});
            }
            Content::Text(media_type) => {
                response["content"] = json!({*media_type: {"schema": {"type": "string"}}});
            }
            Content::Nothing => {}
        }
        responses.insert(status.to_string(), response);
    }
    let credentials = operation.role.map(|_| [401, 403]);
    let problems = operation.problems.iter().copied();
    for status in problems.chain(credentials.into_iter().flatten()) {
        let problem = json!({"$ref": "#/components/responses/Problem"});
        responses.insert(status.to_string(), problem);
    }
    responses.into()
}

/// Of the query.
fn parameters(parameters: &[Parameter], shapes: &mut Shapes) -> Vec<Value> {
    let described = parameters.iter().map(|parameter| {
        let schema = match &parameter.shape {
            Kind::Of(shape) => shapes.read(*shape),
            Kind::Plain(schema) => schema.clone(),
        };
        // An empty text counts as absent: forms send it so.
        let schema = json!({"anyOf": [schema, {"type": "string", "maxLength": 0}]});
        let (name, about) = (parameter.name, parameter.about);
        json!({"name": name, "in": "query", "description": about, "schema": schema})
    });
    described.collect()
}

/// By the names in braces.
fn path_parameters(path: &str, shapes: &mut Shapes) -> Value {
    let names = path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    let described = names.map(|name| {
        let schema = match name {
            "owner_id" => shapes.read(operation::shape::<OwnerId>()),
            "sub_owner_id" => shapes.read(operation::shape::<SubOwnerId>()),
            "partition_id" => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            "key_id" => json!({"type": "string", "format": "uuid"}),
            "id" if path.contains("/dead-letters/") => {
                json!({"type": "string", "pattern": "^[0-9]+-[0-9]+-[0-9]+$"})
            }
            "id" => json!({"type": "string", "format": "uuid"}),
            _ => json!({"type": "string", "minLength": 1}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    });
    described.collect::<Vec<_>>().into()
}

/// The shapes that the document refers to: what is written, and what is read. Where a type is both,
/// what is read counts, which is the stricter.
struct Shapes {
    writing: SchemaGenerator,
    reading: SchemaGenerator,
}

impl Shapes {
    fn new() -> Self {
        let generator = |contract| {
            let settings = SchemaSettings::draft2020_12();
            let settings = settings.with(|settings| {
                settings.definitions_path = SCHEMAS.into();
                settings.contract = contract;
            });
            settings.into_generator()
        };
        Self {
            writing: generator(Contract::Serialize),
            reading: generator(Contract::Deserialize),
        }
    }

    fn written(&mut self, shape: operation::Shape) -> Value {
        shape(&mut self.writing).to_value()
    }

    fn read(&mut self, shape: operation::Shape) -> Value {
        shape(&mut self.reading).to_value()
    }

    fn all(mut self) -> Map<String, Value> {
        let mut all = self.writing.take_definitions(true);
        all.extend(self.reading.take_definitions(true));
        all
    }
}
