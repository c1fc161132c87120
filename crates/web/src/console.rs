//! The console's files, embedded when the binary was built; none, if the console was not built
//! (see `build.rs`). It keeps and finds them; `api/page.rs` answers with them.

use std::fmt;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/console.rs"));
}

/// What the files below it are named after: their contents, so that they never change.
const HASHED: &str = "/assets/";
const INDEX: &str = "/index.html";

/// The console, or that there is none. Copies are cheap.
#[derive(Clone, Copy)]
pub struct Console {
    files: &'static [File],
}

/// One file of the console.
pub(crate) struct File {
    /// Such as `/assets/index-B1x2.js`.
    pub(crate) path: &'static str,
    /// A hash of the contents.
    pub(crate) etag: &'static str,
    pub(crate) bytes: &'static [u8],
}

impl Console {
    /// What this binary was built with.
    #[must_use]
    pub fn embedded() -> Self {
        Self::of(embedded::FILES)
    }

    pub(crate) const fn of(files: &'static [File]) -> Self {
        Self { files }
    }

    /// The page that all its paths are answered with: which one is meant, it reads itself.
    pub(crate) fn index(self) -> Option<&'static File> {
        self.file(INDEX)
    }

    pub(crate) fn file(self, path: &str) -> Option<&'static File> {
        self.files.iter().find(|file| file.path == path)
    }
}

/// The names only: the contents are of no use in a log.
impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.files.iter().map(|file| file.path);
        f.debug_list().entries(paths).finish()
    }
}

impl File {
    /// Whether another content would have another path.
    pub(crate) fn is_hashed(&self) -> bool {
        self.path.starts_with(HASHED)
    }

    pub(crate) fn media_type(&self) -> &'static str {
        match self.path.rsplit('.').next().unwrap_or_default() {
            "html" => "text/html; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}
