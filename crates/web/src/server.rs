//! Binds, serves, stops.

use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::http::header::STRICT_TRANSPORT_SECURITY;
use actix_web::middleware::{Compress, DefaultHeaders, Next, from_fn};
use actix_web::rt::task::JoinHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpServer};
use tokio::sync::watch;

use crate::api::stream::Streams;
use crate::auth::Gate;
use crate::tls::Certificate;
use crate::{Config, Error, Serves, State, host, origin, routes};

/// Of answers that are no page: opened in a browser, they load and run nothing. Pages have a policy
/// of their own, which stands.
const DATA_ONLY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// Takes the port, so that a taken one is known before anything starts. Senders that come before
/// [`Server::start`] wait.
///
/// # Errors
/// If the address cannot be had.
pub fn bind(config: Config, state: State) -> Result<Server, Error> {
    let listen = config.listen;
    let fault = |source| Error::Listen { listen, source };
    let listener = TcpListener::bind(listen).map_err(fault)?;
    on(listener, config, state)
}

/// The same on a port that the caller has taken already; `config.listen` does not count.
///
/// # Errors
/// If the listener cannot tell its address.
pub fn on(listener: TcpListener, config: Config, state: State) -> Result<Server, Error> {
    let listen = config.listen;
    let fault = |source| Error::Listen { listen, source };
    let address = listener.local_addr().map_err(fault)?;
    Ok(Server {
        config,
        state,
        listener,
        address,
    })
}

/// A server that has its port and does not answer yet.
pub struct Server {
    config: Config,
    state: State,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Where it listens: with the port that was given, where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers from now on, on threads of its own. To be called within an actix system.
    ///
    /// # Errors
    /// If the threads cannot be started, or there is no certificate where there should be one.
    pub fn start(self) -> Result<Running, Error> {
        let Self {
            config,
            state,
            listener,
            address,
        } = self;
        let fault = |source| Error::Start {
            listen: address,
            source,
        };
        let gate = Data::new(Gate::new(&config, state.store.clone()));
        let (data, limits) = (Data::new(state), Data::new(config.clone()));
        let certificate = config.tls.clone().map(Certificate::load).transpose();
        let certificate = certificate.map_err(Error::Tls)?;
        let (streams, close) = Streams::new();
        let streams = Data::new(streams);
        let build = move || {
            let (state, config) = (data.clone(), limits.clone());
            app(state, config, gate.clone(), streams.clone())
        };
        let server = HttpServer::new(build)
            .workers(config.workers.get())
            .max_connections(config.max_connections)
            // A live stream is one small write after the other.
            .tcp_nodelay(true)
            .client_request_timeout(config.request_timeout)
            .keep_alive(config.request_timeout)
            .shutdown_timeout(config.stop_timeout.as_secs().max(1))
            .disable_signals();
        let server = match certificate {
            None => server.listen(listener),
            Some(certificate) => {
                let tls = certificate.config().map_err(Error::Tls)?;
                actix_web::rt::spawn(certificate.follow());
                server.listen_rustls_0_23(listener, tls)
            }
        };
        let server = server.map_err(fault)?.run();
        let handle = server.handle();
        let task = actix_web::rt::spawn(server);
        Ok(Running {
            address,
            handle,
            task,
            close,
        })
    }
}

/// A server that answers. Dropping it does not stop it.
pub struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
    /// Ends the live streams, which never end by themselves.
    close: watch::Sender<bool>,
}

impl Running {
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new connections and lets requests that are being answered finish, within the
    /// stop's time-out.
    pub async fn stop(self) {
        self.close.send_replace(true);
        self.handle.stop(true).await;
        if let Ok(Err(error)) = self.task.await {
            tracing::warn!(%error, "the web server on {} ended with an error: {error}", self.address);
        }
    }
}

/// Routes and what goes around them.
pub(crate) fn app(
    state: Data<State>,
    config: Data<Config>,
    gate: Data<Gate>,
    streams: Data<Streams>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let headers = DefaultHeaders::new()
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("X-Frame-Options", "DENY"))
        .add(("Content-Security-Policy", DATA_ONLY))
        .add(("Cross-Origin-Opener-Policy", "same-origin"))
        .add(("Cross-Origin-Resource-Policy", "same-origin"))
        .add(("Cache-Control", "no-store"));
    let headers = match &config.tls {
        // For a year: whoever has come once by a name is not sent back to plain text.
        Some(_) => headers.add((STRICT_TRANSPORT_SECURITY, "max-age=31536000")),
        None => headers,
    };
    let routes = match config.serves {
        Serves::Everything => routes::all,
        Serves::Health => routes::health,
    };
    App::new()
        .app_data(state)
        .app_data(config)
        .app_data(gate)
        .app_data(streams)
        .wrap(from_fn(origin::guard))
        .wrap(from_fn(host::guard))
        .wrap(Compress::default())
        .wrap(headers)
        .wrap(from_fn(count))
        .configure(routes)
        .default_service(web::to(routes::not_found))
}

async fn count(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let begun = Instant::now();
    let answer = next.call(request).await?;
    let request = answer.request();
    if let Some(state) = request.app_data::<Data<State>>() {
        let status = answer.status().as_u16();
        let (method, route) = (request.method().as_str(), request.match_pattern());
        state.metrics.count(method, route, status, begun.elapsed());
    }
    Ok(answer)
}
