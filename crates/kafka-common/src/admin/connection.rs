//! An administrative client on librdkafka's C interface: for what rust-rdkafka doesn't offer, and
//! to learn why a connection isn't made.
//!
//! Everything here blocks, each call within a bound; it belongs on a blocking thread.
#![allow(
    unsafe_code,
    reason = "rust-rdkafka has neither ACLs nor incremental changes nor authorized operations"
)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null};
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::bindings as c;
use rdkafka::client::Client;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaType};

use super::REQUEST_TIMEOUT;
use crate::acl::{CLUSTER, Operation};
use crate::error::ClientError;
use crate::security::{ConnectFailure, SecuritySettings, Verification, classify};
use crate::settings::KafkaSettings;

/// First wait for an answer before the client's reports are looked at; doubled each time.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// How long a queue is waited for at once.
const STEP: Duration = Duration::from_millis(50);
/// What a request gets beyond its own timeout, which librdkafka keeps, until we end it.
const GRACE: Duration = Duration::from_secs(2);

/// What the TLS handshake found wrong with the broker's certificates; 0 where nothing.
#[derive(Debug, Default)]
struct Verdict {
    error: AtomicI32,
    depth: AtomicI32,
}

impl ClientContext for Verdict {}

/// Notes what OpenSSL found and leaves its judgement as it is.
unsafe extern "C" fn verify(
    _client: *mut c::rd_kafka_t,
    _broker_name: *const c_char,
    _broker_id: i32,
    x509_error: *mut c_int,
    depth: c_int,
    _certificate: *const c_char,
    _size: usize,
    _errstr: *mut c_char,
    _errstr_size: usize,
    opaque: *mut c_void,
) -> c_int {
    // SAFETY: librdkafka passes a pointer to the error of the running verification, and as
    // `opaque` what the client was created with: the context, which outlives the client.
    let (error, verdict) = unsafe { (*x509_error, &*opaque.cast::<Verdict>()) };
    if error != 0 {
        verdict.depth.store(depth, Ordering::Relaxed);
        verdict.error.store(error, Ordering::Relaxed);
    }
    c_int::from(error == 0)
}

/// A queue of the client's.
struct Queue(NonNull<c::rd_kafka_queue_t>);

impl Queue {
    fn poll(&self, wait: Duration) -> Option<Event> {
        let wait = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the queue is alive until `self` is dropped; the event is ours from here on.
        let event = unsafe { c::rd_kafka_queue_poll(self.0.as_ptr(), wait) };
        NonNull::new(event).map(Event)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: made by librdkafka, destroyed once, and before its client (field order).
        unsafe { c::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// An answer of librdkafka; what is read from it lives as long as it does.
pub(super) struct Event(NonNull<c::rd_kafka_event_t>);

impl Event {
    pub(super) fn ptr(&self) -> *mut c::rd_kafka_event_t {
        self.0.as_ptr()
    }

    fn error(&self) -> Option<(RDKafkaErrorCode, String)> {
        // SAFETY: the event is alive; the text belongs to it and is copied.
        unsafe {
            let code = c::rd_kafka_event_error(self.ptr());
            match code {
                c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
                code => Some((
                    code.into(),
                    text(c::rd_kafka_event_error_string(self.ptr())),
                )),
            }
        }
    }
}

impl Event {
    /// A connection that the broker closed without a word: librdkafka only logs what that may mean.
    fn hung_up(&self) -> Option<(RDKafkaErrorCode, String)> {
        // SAFETY: the event is alive; the texts belong to it and are copied.
        unsafe {
            if c::rd_kafka_event_type(self.ptr()) != c::RD_KAFKA_EVENT_LOG {
                return None;
            }
            let (mut facility, mut line, mut level) = (null(), null(), 0);
            if c::rd_kafka_event_log(self.ptr(), &mut facility, &mut line, &mut level) != 0 {
                return None;
            }
            let failed = text(facility) == "FAIL";
            failed.then(|| (RDKafkaErrorCode::BrokerTransportFailure, text(line)))
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: polled from a queue, which made it ours; destroyed once.
        unsafe { c::rd_kafka_event_destroy(self.ptr()) }
    }
}

/// Copies a text of librdkafka's; empty where there is none.
///
/// # Safety
/// Null, or a text that ends with a zero and lives during the call.
pub(super) unsafe fn text(pointer: *const c_char) -> String {
    match pointer.is_null() {
        true => String::new(),
        // SAFETY: as above.
        false => unsafe { CStr::from_ptr(pointer) }
            .to_string_lossy()
            .into_owned(),
    }
}

/// Reads the items of one of librdkafka's arrays of pointers; `array` is given where to put their
/// number.
///
/// # Safety
/// The array is null or holds as many pointers as it says, and they live during the call.
pub(super) unsafe fn read_items<T, R>(
    array: impl FnOnce(*mut usize) -> *mut *const T,
    read: impl FnMut(*const T) -> R,
) -> Vec<R> {
    let mut count = 0;
    let items = array(&mut count);
    match items.is_null() || count == 0 {
        true => Vec::new(),
        // SAFETY: as above.
        false => unsafe { std::slice::from_raw_parts(items, count) }
            .iter()
            .copied()
            .map(read)
            .collect(),
    }
}

/// A name for librdkafka.
pub(super) fn c_string(name: &str) -> Result<CString, ClientError> {
    CString::new(name).map_err(|error| ClientError::Kafka {
        action: "passing a name on",
        source: error.into(),
    })
}

/// Code and text of an error object; none where it is null or no error.
///
/// # Safety
/// Null, or an error object that lives during the call.
pub(super) unsafe fn error_of(error: *const c::rd_kafka_error_t) -> Option<RDKafkaErrorCode> {
    if error.is_null() {
        return None;
    }
    // SAFETY: as above.
    match unsafe { c::rd_kafka_error_code(error) } {
        c::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => None,
        code => Some(code.into()),
    }
}

/// The client.
pub(crate) struct Connection {
    // Before `client`: queues go first.
    main: Queue,
    client: Client<Verdict>,
    security: SecuritySettings,
    servers: String,
    failure: Option<ConnectFailure>,
    /// The last that was heard of the connection.
    heard: String,
}

impl Connection {
    /// A client; the connection is made when something is asked.
    ///
    /// # Errors
    /// librdkafka refuses the settings, as a key that its password doesn't open.
    pub(crate) fn open(settings: &KafkaSettings) -> Result<Self, ClientError> {
        let creating = || ClientError::kafka("creating the admin client");
        let mut config = settings.admin();
        // Nobody sees these lines: they are read here.
        config.set_log_level(RDKafkaLogLevel::Info);
        let native = config.create_native_config().map_err(creating())?;
        let security = settings.security.clone();
        // SAFETY: the configuration is alive. `verify` gets the context of the client as `opaque`,
        // because `Client::new` sets it to that.
        unsafe {
            c::rd_kafka_conf_set_events(native.ptr(), c::RD_KAFKA_EVENT_ERROR);
            if security.uses_tls() {
                c::rd_kafka_conf_set_ssl_cert_verify_cb(native.ptr(), Some(verify));
            }
        }
        let client = Client::new(
            &config,
            native,
            RDKafkaType::RD_KAFKA_PRODUCER,
            Verdict::default(),
        )
        .map_err(creating())?;
        // SAFETY: the client is alive; the reference is given back by `Queue`.
        let main = unsafe { c::rd_kafka_queue_get_main(client.native_ptr()) };
        let main = NonNull::new(main).map(Queue).ok_or_else(no_memory)?;
        Ok(Self {
            main,
            client,
            security,
            servers: settings.bootstrap_servers.clone(),
            failure: None,
            heard: String::new(),
        })
    }

    /// Connects, and gives what the cluster is made of.
    ///
    /// # Errors
    /// [`ClientError::Connect`] with the reason: at once where waiting wouldn't help.
    pub(crate) fn connect(&mut self, within: Duration) -> Result<Metadata, ClientError> {
        let deadline = Instant::now() + within;
        let mut wait = FIRST_LOOK;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let error = match self.client.fetch_metadata(None, wait.min(left)) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => error,
            };
            self.listen();
            match &self.failure {
                Some(failure) if !failure.may_pass() => {
                    return Err(ClientError::Connect(failure.clone()));
                }
                _ if Instant::now() >= deadline => return Err(self.gone(&error.to_string())),
                _ => wait *= 2,
            }
            // A refused connection is answered at once; the client tries again a little later.
            std::thread::sleep(STEP);
        }
    }

    /// As [`request`](Self::request), for an answer that also tells what this principal may do with
    /// what it describes.
    ///
    /// # Errors
    /// As [`request`](Self::request).
    pub(super) fn request_with_rights(
        &mut self,
        operation: c::rd_kafka_admin_op_t,
        action: &'static str,
        send: impl FnOnce(*mut c::rd_kafka_t, *mut c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
    ) -> Result<Event, ClientError> {
        self.request(operation, action, |client, options, queue| {
            // SAFETY: the options are alive during the call. An error object, which there is only
            // for a request that has no such option, is freed.
            unsafe {
                let refused =
                    c::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
                if !refused.is_null() {
                    c::rd_kafka_error_destroy(refused);
                }
            }
            send(client, options, queue);
        })
    }

    /// Makes a request and waits for its answer.
    ///
    /// # Errors
    /// No connection, no answer in time, or the broker's refusal of the request as a whole.
    pub(super) fn request(
        &mut self,
        operation: c::rd_kafka_admin_op_t,
        action: &'static str,
        send: impl FnOnce(*mut c::rd_kafka_t, *mut c::rd_kafka_AdminOptions_t, *mut c::rd_kafka_queue_t),
    ) -> Result<Event, ClientError> {
        let client = self.client.native_ptr();
        // SAFETY: the client is alive; the queue is given back by `Queue`.
        let queue = unsafe { c::rd_kafka_queue_new(client) };
        let queue = NonNull::new(queue).map(Queue).ok_or_else(no_memory)?;
        let millis = c_int::try_from(REQUEST_TIMEOUT.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the options live until they are destroyed here; the request copies what it needs
        // of them. A timeout within librdkafka's bounds is all that could be refused.
        unsafe {
            let options = c::rd_kafka_AdminOptions_new(client, operation);
            if options.is_null() {
                return Err(no_memory());
            }
            c::rd_kafka_AdminOptions_set_request_timeout(options, millis, std::ptr::null_mut(), 0);
            send(client, options, queue.0.as_ptr());
            c::rd_kafka_AdminOptions_destroy(options);
        }
        let deadline = Instant::now() + REQUEST_TIMEOUT + GRACE;
        loop {
            if let Some(event) = queue.poll(STEP) {
                return match event.error() {
                    None => Ok(event),
                    Some((code, reason)) => Err(self.refused(operation, action, code, &reason)),
                };
            }
            self.listen();
            match &self.failure {
                Some(failure) if !failure.may_pass() => {
                    return Err(ClientError::Connect(failure.clone()));
                }
                _ if Instant::now() >= deadline => return Err(self.gone("no answer")),
                _ => {}
            }
        }
    }

    fn refused(
        &mut self,
        operation: c::rd_kafka_admin_op_t,
        action: &'static str,
        code: RDKafkaErrorCode,
        reason: &str,
    ) -> ClientError {
        let needed = match operation {
            c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATEACLS
            | c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEACLS => Operation::Alter,
            _ => Operation::Describe,
        };
        match code {
            RDKafkaErrorCode::SecurityDisabled => ClientError::NoAuthorizer,
            RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown => {
                self.listen();
                self.gone(reason)
            }
            // A request as a whole is refused for what it needs of the cluster.
            code => ClientError::needs(&self.security, needed, CLUSTER, action)(
                KafkaError::AdminOp(code),
            ),
        }
    }

    fn gone(&self, reason: &str) -> ClientError {
        ClientError::Connect(
            self.failure
                .clone()
                .unwrap_or_else(|| ConnectFailure::Unreachable {
                    servers: self.servers.clone(),
                    reason: match self.heard.is_empty() {
                        true => reason.to_owned(),
                        false => self.heard.clone(),
                    },
                }),
        )
    }

    /// Takes what the client has reported since the last time. What no waiting mends is kept.
    fn listen(&mut self) {
        while let Some(event) = self.main.poll(Duration::ZERO) {
            let Some((code, reason)) = event.error().or_else(|| event.hung_up()) else {
                continue;
            };
            if code == RDKafkaErrorCode::AllBrokersDown {
                continue; // says no more than what came before it
            }
            let verdict = self.client.context();
            let error = verdict.error.load(Ordering::Relaxed);
            let verification = (error != 0).then(|| Verification {
                error,
                depth: verdict.depth.load(Ordering::Relaxed),
            });
            let found = classify(code, &reason, verification, &self.security, &self.servers);
            if let Some(found) = found
                && self.failure.as_ref().is_none_or(ConnectFailure::may_pass)
            {
                self.failure = Some(found);
            }
            self.heard = reason;
        }
    }
}

fn no_memory() -> ClientError {
    ClientError::Thread("librdkafka has no memory left".to_owned())
}
