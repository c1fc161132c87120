//! The caller of a request, as handlers see it.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::ops::Deref;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use rollcall_store::Role;
use serde::Serialize;

use crate::Problem;

/// Somebody whose credential counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Principal {
    /// `key:NAME`, `user:NAME`, or `api` where nobody signs in.
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Principal {
    /// Everybody, where nobody signs in.
    pub(crate) fn anybody() -> Self {
        Self {
            name: "api".to_owned(),
            role: Role::Admin,
        }
    }

    /// # Errors
    /// 403, if the role does not reach.
    pub(crate) fn must_be(&self, needed: Role) -> Result<(), Problem> {
        if self.role >= needed {
            return Ok(());
        }
        let (name, role) = (&self.name, self.role.as_str());
        let needed = needed.as_str();
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!("{name} is {role}, and this needs {needed}; ask an admin for a key or a role"),
        ))
    }
}

/// What was changed, as JSON: before and after.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail {
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// The caller of this request, and what the handler says that it changed. Clones share that.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    principal: Principal,
    trail: Rc<RefCell<Trail>>,
}

impl Deref for Caller {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.principal
    }
}

impl Caller {
    pub(crate) fn new(principal: Principal) -> Self {
        Self {
            principal,
            trail: Rc::default(),
        }
    }

    pub(crate) fn made(&self, after: &impl Serialize) {
        self.leave(None, json(after));
    }

    pub(crate) fn removed(&self, before: &impl Serialize) {
        self.leave(json(before), None);
    }

    pub(crate) fn changed(&self, before: &impl Serialize, after: &impl Serialize) {
        self.leave(json(before), json(after));
    }

    /// As [`Self::changed`], where more came after what was said already.
    pub(crate) fn ended(&self, after: &impl Serialize) {
        self.trail.borrow_mut().after = json(after);
    }

    /// In place of what was said before.
    fn leave(&self, before: Option<String>, after: Option<String>) {
        *self.trail.borrow_mut() = Trail { before, after };
    }

    pub(crate) fn trail(&self) -> Trail {
        self.trail.borrow().clone()
    }
}

/// Our own types always have a JSON form.
fn json(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = request.extensions().get::<Self>().cloned();
        ready(caller.ok_or_else(|| Problem::unauthorized("nobody has signed in")))
    }
}

/// A caller that may see and change who may ask.
pub(crate) struct Admin(pub(crate) Caller);

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload).into_inner();
        ready(caller.and_then(|caller| {
            caller.must_be(Role::Admin)?;
            Ok(Self(caller))
        }))
    }
}
