//! Several nodes of one site, each with a name, a directory and an API of its own.

use super::api::Api;
use super::port;
use super::running::Running;
use super::site::Site;

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) api: Api,
    pub(crate) process: Running,
}

impl Node {
    /// Starts a node with some settings of its own (`KEY=VALUE`), and waits until it is ready.
    pub(crate) async fn start(site: &Site, name: &str, own: &[&str]) -> Self {
        Self::start_faulty(site, name, own, "").await
    }

    /// As [`Self::start`], with fault points that act, such as `owner.admit=2*panic`.
    pub(crate) async fn start_faulty(site: &Site, name: &str, own: &[&str], faults: &str) -> Self {
        let port = port::free();
        let data_dir = site.path(&format!("data-{name}"));
        let settings = [
            format!("node.name={name}"),
            format!("node.data_dir={}", data_dir.display()),
            format!("http.listen=127.0.0.1:{port}"),
        ];
        let mut command = site.command(&["run"]);
        command.env("FAILPOINTS", faults);
        for setting in settings
            .iter()
            .map(String::as_str)
            .chain(own.iter().copied())
        {
            command.args(["--set", setting]);
        }
        let mut node = Self {
            name: name.to_owned(),
            api: Api::new(port),
            process: site.spawn(&format!("node-{name}"), command),
        };
        Site::ready_at(&node.api, &mut node.process).await;
        node
    }

    /// Stops it in the midst of whatever it does, as a machine does that has no time for it.
    pub(crate) fn pause(&self) {
        self.process.signal("STOP");
    }

    pub(crate) fn wake(&self) {
        self.process.signal("CONT");
    }
}
