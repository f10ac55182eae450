//! Rules on the broker: looked at, added, removed.
#![allow(unsafe_code, reason = "rust-rdkafka has no ACLs")]

use std::ptr::{null, null_mut};

use rdkafka::bindings as c;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use uuid::Uuid;

use super::connection::{Connection, c_string, error_of, read_items, text};
use super::rules::Rule;
use super::{Outcomes, run_blocking};
use crate::acl::{Acl, CLUSTER, Operation, Pattern, ResourceKind};
use crate::error::ClientError;
use crate::security::AccessDenied;
use crate::settings::KafkaSettings;

/// Every rule about topics, groups, transactional ids and the cluster.
///
/// # Errors
/// The broker can't be reached, has no authorizer, or doesn't let this principal see.
pub async fn acls(settings: &KafkaSettings) -> Result<Vec<Rule>, ClientError> {
    let settings = settings.clone();
    run_blocking(move || {
        let mut connection = Connection::open(&settings)?;
        let rules = describe(&mut connection)?;
        if rules.is_empty() {
            why_none(&mut connection, &settings)?;
        }
        Ok(rules)
    })
    .await
}

/// Adds rules; one that is there already is no error. Gives each with what became of it.
///
/// # Errors
/// The request as a whole failed.
pub async fn create_acls(
    settings: &KafkaSettings,
    rules: Vec<Acl>,
) -> Result<Outcomes<Acl>, ClientError> {
    let settings = settings.clone();
    run_blocking(move || {
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        create(&mut Connection::open(&settings)?, rules)
    })
    .await
}

/// Removes exactly these rules; one that is gone already is no error. Gives each with what became
/// of it.
///
/// # Errors
/// The request as a whole failed.
pub async fn delete_acls(
    settings: &KafkaSettings,
    rules: Vec<Rule>,
) -> Result<Outcomes<Rule>, ClientError> {
    let settings = settings.clone();
    run_blocking(move || {
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        delete(&mut Connection::open(&settings)?, rules)
    })
    .await
}

/// librdkafka gives an empty list where the broker refuses to give one. So an empty list is
/// questioned.
fn why_none(connection: &mut Connection, settings: &KafkaSettings) -> Result<(), ClientError> {
    if !connection
        .cluster_operations()?
        .contains(&Operation::Describe)
    {
        return Err(ClientError::Denied(AccessDenied {
            principal: settings.security.principal(),
            operation: Operation::Describe,
            kind: ResourceKind::Cluster,
            name: CLUSTER.to_owned(),
        }));
    }
    // The removal of a rule that nobody has is answered without removing anything, and tells
    // whether there is an authorizer.
    let nobody = Rule::from(Acl {
        principal: format!("User:{}", Uuid::new_v4()),
        kind: ResourceKind::Topic,
        name: Uuid::new_v4().to_string(),
        pattern: Pattern::Literal,
        operation: Operation::Read,
    });
    let disabled = |outcome: &Result<(), KafkaError>| {
        matches!(
            outcome,
            Err(KafkaError::AdminOp(RDKafkaErrorCode::SecurityDisabled))
        )
    };
    let removed = delete(connection, vec![nobody])?;
    match removed.iter().any(|(_, outcome)| disabled(outcome)) {
        true => Err(ClientError::NoAuthorizer),
        false => Ok(()),
    }
}

/// A binding, or a filter, which are one type to librdkafka.
struct Binding(*mut c::rd_kafka_AclBinding_t);

impl Drop for Binding {
    fn drop(&mut self) {
        // SAFETY: made by librdkafka, not null, destroyed once.
        unsafe { c::rd_kafka_AclBinding_destroy(self.0) }
    }
}

impl Binding {
    /// For a rule that is to be there.
    fn of(rule: &Rule) -> Result<Self, ClientError> {
        Self::make(rule, c::rd_kafka_AclBinding_new)
    }

    /// Matches just this rule.
    fn filter_of(rule: &Rule) -> Result<Self, ClientError> {
        Self::make(rule, c::rd_kafka_AclBindingFilter_new)
    }

    fn make(rule: &Rule, new: New) -> Result<Self, ClientError> {
        let name = c_string(&rule.acl.name)?;
        let principal = c_string(&rule.acl.principal)?;
        let host = c_string(&rule.host)?;
        let permission = match rule.allows {
            true => c::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            false => c::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_DENY,
        };
        let mut why = [0; 256];
        // SAFETY: the texts outlive the call, which copies them; `why` is as long as it says.
        let made = unsafe {
            new(
                kind_to_c(rule.acl.kind),
                name.as_ptr(),
                pattern_to_c(rule.acl.pattern),
                principal.as_ptr(),
                host.as_ptr(),
                operation_to_c(rule.acl.operation),
                permission,
                why.as_mut_ptr(),
                why.len(),
            )
        };
        match made.is_null() {
            false => Ok(Self(made)),
            true => {
                // SAFETY: librdkafka ends what it writes with a zero.
                let why = unsafe { text(why.as_ptr()) };
                Err(ClientError::Kafka {
                    action: "making an ACL",
                    source: KafkaError::AdminOpCreation(why),
                })
            }
        }
    }

    fn everything() -> Result<Self, ClientError> {
        // SAFETY: null stands for anything; without an error text nothing is written.
        let made = unsafe {
            c::rd_kafka_AclBindingFilter_new(
                c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_ANY,
                null(),
                c::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_ANY,
                null(),
                null(),
                c::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_ANY,
                c::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ANY,
                null_mut(),
                0,
            )
        };
        match made.is_null() {
            false => Ok(Self(made)),
            true => Err(ClientError::Kafka {
                action: "making an ACL filter",
                source: KafkaError::AdminOpCreation("refused".to_owned()),
            }),
        }
    }
}

type New = unsafe extern "C" fn(
    c::rd_kafka_ResourceType_t,
    *const std::ffi::c_char,
    c::rd_kafka_ResourcePatternType_t,
    *const std::ffi::c_char,
    *const std::ffi::c_char,
    c::rd_kafka_AclOperation_t,
    c::rd_kafka_AclPermissionType_t,
    *mut std::ffi::c_char,
    usize,
) -> *mut c::rd_kafka_AclBinding_t;

fn describe(connection: &mut Connection) -> Result<Vec<Rule>, ClientError> {
    let filter = Binding::everything()?;
    let event = connection.request(
        c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBEACLS,
        "reading the ACLs",
        // SAFETY: all pointers are alive during the call, which copies the filter.
        |client, options, queue| unsafe {
            c::rd_kafka_DescribeAcls(client, filter.0, options, queue);
        },
    )?;
    // SAFETY: the event is the answer to this request and outlives what is read from it.
    unsafe {
        let result = c::rd_kafka_event_DescribeAcls_result(event.ptr());
        let rules = read_items(
            |count| c::rd_kafka_DescribeAcls_result_acls(result, count),
            |binding| read(binding),
        );
        let mut rules: Vec<Rule> = rules.into_iter().flatten().collect();
        rules.sort();
        Ok(rules)
    }
}

/// None for what isn't ours: users, tokens, operations newer than this program.
///
/// # Safety
/// A binding that lives during the call.
unsafe fn read(binding: *const c::rd_kafka_AclBinding_t) -> Option<Rule> {
    use c::rd_kafka_AclPermissionType_t as Permission;
    // SAFETY: as above; the texts belong to the binding and are copied.
    unsafe {
        let kind = match c::rd_kafka_AclBinding_restype(binding) {
            c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC => ResourceKind::Topic,
            c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_GROUP => ResourceKind::Group,
            c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID => {
                ResourceKind::TransactionalId
            }
            c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_BROKER => ResourceKind::Cluster,
            _ => return None,
        };
        let pattern = match c::rd_kafka_AclBinding_resource_pattern_type(binding) {
            c::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL => {
                Pattern::Literal
            }
            c::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_PREFIXED => {
                Pattern::Prefixed
            }
            _ => return None,
        };
        let allows = match c::rd_kafka_AclBinding_permission_type(binding) {
            Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW => true,
            Permission::RD_KAFKA_ACL_PERMISSION_TYPE_DENY => false,
            _ => return None,
        };
        Some(Rule {
            acl: Acl {
                principal: text(c::rd_kafka_AclBinding_principal(binding)),
                kind,
                name: text(c::rd_kafka_AclBinding_name(binding)),
                pattern,
                operation: operation_from_c(c::rd_kafka_AclBinding_operation(binding))?,
            },
            host: text(c::rd_kafka_AclBinding_host(binding)),
            allows,
        })
    }
}

fn create(connection: &mut Connection, rules: Vec<Acl>) -> Result<Outcomes<Acl>, ClientError> {
    let bindings: Result<Vec<Binding>, ClientError> = rules
        .iter()
        .map(|rule| Binding::of(&Rule::from(rule.clone())))
        .collect();
    let bindings = bindings?;
    let mut pointers: Vec<_> = bindings.iter().map(|binding| binding.0).collect();
    let event = connection.request(
        c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_CREATEACLS,
        "creating ACLs",
        // SAFETY: all pointers are alive during the call, which copies the bindings.
        |client, options, queue| unsafe {
            c::rd_kafka_CreateAcls(
                client,
                pointers.as_mut_ptr(),
                pointers.len(),
                options,
                queue,
            );
        },
    )?;
    // SAFETY: the event is the answer to this request and outlives what is read from it.
    let results: Vec<Option<RDKafkaErrorCode>> = unsafe {
        let result = c::rd_kafka_event_CreateAcls_result(event.ptr());
        read_items(
            |count| c::rd_kafka_CreateAcls_result_acls(result, count),
            |result| error_of(c::rd_kafka_acl_result_error(result)),
        )
    };
    Ok(with_results(rules, results))
}

fn delete(connection: &mut Connection, rules: Vec<Rule>) -> Result<Outcomes<Rule>, ClientError> {
    let filters: Result<Vec<Binding>, ClientError> = rules.iter().map(Binding::filter_of).collect();
    let filters = filters?;
    let mut pointers: Vec<_> = filters.iter().map(|filter| filter.0).collect();
    let event = connection.request(
        c::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DELETEACLS,
        "deleting ACLs",
        // SAFETY: all pointers are alive during the call, which copies the filters.
        |client, options, queue| unsafe {
            c::rd_kafka_DeleteAcls(
                client,
                pointers.as_mut_ptr(),
                pointers.len(),
                options,
                queue,
            );
        },
    )?;
    // SAFETY: the event is the answer to this request and outlives what is read from it.
    let results: Vec<Option<RDKafkaErrorCode>> = unsafe {
        let result = c::rd_kafka_event_DeleteAcls_result(event.ptr());
        read_items(
            |count| c::rd_kafka_DeleteAcls_result_responses(result, count),
            |response| error_of(c::rd_kafka_DeleteAcls_result_response_error(response)),
        )
    };
    Ok(with_results(rules, results))
}

/// Results come in the order of what was asked; one that is missing is a failure, too.
fn with_results<T>(
    asked: Vec<T>,
    results: Vec<Option<RDKafkaErrorCode>>,
) -> Vec<(T, Result<(), KafkaError>)> {
    let mut results = results.into_iter();
    asked
        .into_iter()
        .map(|item| match results.next() {
            Some(None) => (item, Ok(())),
            Some(Some(code)) => (item, Err(KafkaError::AdminOp(code))),
            None => (item, Err(KafkaError::AdminOp(RDKafkaErrorCode::Fail))),
        })
        .collect()
}

fn kind_to_c(kind: ResourceKind) -> c::rd_kafka_ResourceType_t {
    match kind {
        ResourceKind::Topic => c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
        ResourceKind::Group => c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_GROUP,
        ResourceKind::TransactionalId => {
            c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID
        }
        // One number in the protocol: the broker in settings, the cluster in rules.
        ResourceKind::Cluster => c::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_BROKER,
    }
}

fn pattern_to_c(pattern: Pattern) -> c::rd_kafka_ResourcePatternType_t {
    match pattern {
        Pattern::Literal => c::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL,
        Pattern::Prefixed => c::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
    }
}

fn operation_to_c(operation: Operation) -> c::rd_kafka_AclOperation_t {
    use c::rd_kafka_AclOperation_t as C;
    match operation {
        Operation::All => C::RD_KAFKA_ACL_OPERATION_ALL,
        Operation::Read => C::RD_KAFKA_ACL_OPERATION_READ,
        Operation::Write => C::RD_KAFKA_ACL_OPERATION_WRITE,
        Operation::Create => C::RD_KAFKA_ACL_OPERATION_CREATE,
        Operation::Delete => C::RD_KAFKA_ACL_OPERATION_DELETE,
        Operation::Alter => C::RD_KAFKA_ACL_OPERATION_ALTER,
        Operation::Describe => C::RD_KAFKA_ACL_OPERATION_DESCRIBE,
        Operation::DescribeConfigs => C::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
        Operation::AlterConfigs => C::RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS,
        Operation::ClusterAction => C::RD_KAFKA_ACL_OPERATION_CLUSTER_ACTION,
        Operation::IdempotentWrite => C::RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE,
    }
}

pub(super) fn operation_from_c(operation: c::rd_kafka_AclOperation_t) -> Option<Operation> {
    use c::rd_kafka_AclOperation_t as C;
    Some(match operation {
        C::RD_KAFKA_ACL_OPERATION_ALL => Operation::All,
        C::RD_KAFKA_ACL_OPERATION_READ => Operation::Read,
        C::RD_KAFKA_ACL_OPERATION_WRITE => Operation::Write,
        C::RD_KAFKA_ACL_OPERATION_CREATE => Operation::Create,
        C::RD_KAFKA_ACL_OPERATION_DELETE => Operation::Delete,
        C::RD_KAFKA_ACL_OPERATION_ALTER => Operation::Alter,
        C::RD_KAFKA_ACL_OPERATION_DESCRIBE => Operation::Describe,
        C::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS => Operation::DescribeConfigs,
        C::RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS => Operation::AlterConfigs,
        C::RD_KAFKA_ACL_OPERATION_CLUSTER_ACTION => Operation::ClusterAction,
        C::RD_KAFKA_ACL_OPERATION_IDEMPOTENT_WRITE => Operation::IdempotentWrite,
        _ => return None,
    })
}
