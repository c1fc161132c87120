//! One operation of the API, as the document describes it.

use rollcall_store::{Page, Role};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// A shape that serde writes or reads.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

pub(super) fn shape<T: JsonSchema>() -> Shape {
    SchemaGenerator::subschema_for::<T>
}

/// A parameter of the query, or of the path.
#[derive(Clone)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) shape: Kind,
}

/// What a parameter's text is.
#[derive(Clone)]
pub(super) enum Kind {
    Of(Shape),
    Plain(Value),
}

/// Of the query.
pub(super) fn query(name: &'static str, about: &'static str, shape: Kind) -> Parameter {
    Parameter { name, about, shape }
}

/// What an operation takes as its body.
#[derive(Clone, Copy)]
pub(super) struct Body {
    pub(super) shape: Shape,
    pub(super) media_type: &'static str,
    pub(super) required: bool,
}

/// What an operation answers where nothing is wrong.
#[derive(Clone)]
pub(super) enum Content {
    Json(Shape),
    Text(&'static str),
    Nothing,
}

#[derive(Clone)]
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    pub(super) about: &'static str,
    /// Without one, nobody has to show a credential.
    pub(super) role: Option<Role>,
    pub(super) query: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<(u16, &'static str, Content)>,
    /// Further statuses, each with a problem.
    pub(super) problems: Vec<u16>,
    pub(super) if_match: IfMatch,
    /// Its answer has the resource's `ETag`.
    pub(super) versioned: bool,
}

/// Whether a change may be bound to a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfMatch {
    Taken,
    Ignored,
}

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

impl Operation {
    fn new(method: &'static str, path: &'static str, summary: &'static str) -> Self {
        let reads = method == "get";
        Self {
            method,
            path,
            tag: "",
            summary,
            about: "",
            role: Some(if reads { Role::Viewer } else { Role::Operator }),
            query: Vec::new(),
            body: None,
            answers: Vec::new(),
            problems: vec![400, 429, 503],
            if_match: IfMatch::Ignored,
            versioned: false,
        }
    }

    pub(super) fn get(path: &'static str, summary: &'static str) -> Self {
        Self::new("get", path, summary)
    }

    pub(super) fn post(path: &'static str, summary: &'static str) -> Self {
        Self::new("post", path, summary)
    }

    pub(super) fn patch(path: &'static str, summary: &'static str) -> Self {
        Self::new("patch", path, summary)
    }

    pub(super) fn delete(path: &'static str, summary: &'static str) -> Self {
        Self::new("delete", path, summary)
    }

    pub(super) fn about(mut self, about: &'static str) -> Self {
        self.about = about;
        self
    }

    pub(super) fn admin(mut self) -> Self {
        self.role = Some(Role::Admin);
        self
    }

    pub(super) fn viewer(mut self) -> Self {
        self.role = Some(Role::Viewer);
        self
    }

    pub(super) fn open(mut self) -> Self {
        self.role = None;
        self
    }

    pub(super) fn query<const N: usize>(mut self, parameters: [Parameter; N]) -> Self {
        self.query.extend(parameters);
        self
    }

    pub(super) fn takes<T: JsonSchema>(mut self) -> Self {
        let media_type = if self.method == "patch" {
            MERGE_PATCH
        } else {
            JSON
        };
        self.body = Some(Body {
            shape: shape::<T>(),
            media_type,
            required: true,
        });
        self.problems.extend([413, 415, 422]);
        self
    }

    pub(super) fn may_take<T: JsonSchema>(self) -> Self {
        let mut taken = self.takes::<T>();
        taken.body = taken.body.map(|body| Body {
            required: false,
            ..body
        });
        taken
    }

    pub(super) fn gives<T: JsonSchema>(self, status: u16, about: &'static str) -> Self {
        self.answers(status, about, Content::Json(shape::<T>()))
    }

    pub(super) fn answers(mut self, status: u16, about: &'static str, content: Content) -> Self {
        self.answers.push((status, about, content));
        self
    }

    /// A list that is shown page by page, with at most so many rows each.
    pub(super) fn pages<T: JsonSchema>(self, most: u32) -> Self {
        let limit =
            json!({"type": "integer", "minimum": 1, "maximum": most, "default": 50.min(most)});
        let cursor = json!({"type": "string"});
        self.query([
            query("limit", "Rows of the page.", Kind::Plain(limit)),
            query(
                "cursor",
                "Where the page before ended: its `next_cursor`.",
                Kind::Plain(cursor),
            ),
        ])
        .problem([404])
        .gives::<Page<T>>(200, "A page.")
    }

    /// A list that is always shown whole.
    pub(super) fn lists<T: JsonSchema>(self) -> Self {
        self.gives::<Page<T>>(200, "All of them.")
    }

    pub(super) fn problem<const N: usize>(mut self, statuses: [u16; N]) -> Self {
        self.problems.extend(statuses);
        self
    }

    /// Takes the `ETag` and gives it.
    pub(super) fn if_match(mut self) -> Self {
        self.if_match = IfMatch::Taken;
        self.problems.push(412);
        self.versioned()
    }

    pub(super) fn versioned(mut self) -> Self {
        self.versioned = true;
        self
    }
}
