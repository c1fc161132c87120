//! The query of a request, read strictly: a name that the route does not know, or one that comes
//! twice, is refused, since it would otherwise be passed over in silence.

use std::collections::BTreeMap;
use std::fmt::Display;

use actix_web::HttpRequest;
use actix_web::web::Query;

use crate::Problem;
use crate::whole::without_point;

/// Rows of a page if the sender does not say.
const DEFAULT_LIMIT: u32 = 50;
/// Rows of the largest page.
pub(crate) const MAX_LIMIT: u32 = 1_000;

/// Names and texts of a query.
#[derive(Debug)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// # Errors
    /// 400, if a name is none of `known` or comes twice.
    pub(crate) fn of(request: &HttpRequest, known: &[&str]) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::from_query(request.query_string())
            .map_err(|error| Problem::bad_request(format!("the query cannot be read: {error}")))?;
        let mut params = BTreeMap::new();
        for (name, text) in pairs.into_inner() {
            if !known.contains(&name.as_str()) {
                return Err(unknown(&name, known));
            }
            if params.insert(name.clone(), text).is_some() {
                return Err(Problem::bad_request(format!("{name} comes twice")));
            }
        }
        Ok(Self(params))
    }

    /// An empty text counts as absent: forms send it so.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// # Errors
    /// 400 with the name, if `parse` refuses the text.
    pub(crate) fn parsed<T, E: Display>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let parsed = self.text(name).map(parse).transpose();
        parsed.map_err(|error| Problem::bad_request(format!("{name}: {error}")))
    }

    /// How many rows the page has.
    ///
    /// # Errors
    /// 400, if it is not a number from 1 to `most`.
    pub(crate) fn limit(&self, most: u32) -> Result<u32, Problem> {
        let limit = self.parsed("limit", |text| match without_point(text).parse() {
            Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
            _ => Err(format!("{text:?} is not a number from 1 to {most}")),
        })?;
        Ok(limit.unwrap_or(DEFAULT_LIMIT.min(most)))
    }

    pub(crate) fn cursor(&self) -> Option<&str> {
        self.text("cursor")
    }
}

fn unknown(name: &str, known: &[&str]) -> Problem {
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    Problem::bad_request(format!(
        "{name:?} is not a parameter of this resource; it has: {known}"
    ))
}
