//! What holds for every call, message and field of `lepton.v1`, read from the descriptors that clients get.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::Type, source_code_info::Location,
};

/// Field numbers in `google/protobuf/descriptor.proto`, of which the paths to comments are made.
mod path {
    pub(super) const FILE_MESSAGE: i32 = 4;
    pub(super) const FILE_ENUM: i32 = 5;
    pub(super) const FILE_SERVICE: i32 = 6;
    pub(super) const MESSAGE_FIELD: i32 = 2;
    pub(super) const MESSAGE_NESTED: i32 = 3;
    pub(super) const MESSAGE_ENUM: i32 = 4;
    pub(super) const ENUM_VALUE: i32 = 2;
    pub(super) const SERVICE_METHOD: i32 = 2;
}

/// What the names of calls begin with that change nothing.
const QUESTIONS: [&str; 8] = ["Audit", "Explain", "Find", "Get", "List", "PlanCall", "Validate", "Watch"];

/// The things of the API by their full names, each with its comment.
struct Api {
    calls: BTreeMap<String, Call>,
    messages: BTreeMap<String, DescriptorProto>,
    /// Of services, calls, messages, fields, enums and values.
    comments: BTreeMap<String, String>,
}

struct Call {
    comment: String,
    request: String,
}

impl Api {
    fn read() -> Self {
        let set = FileDescriptorSet::decode(lepton_proto::FILE_DESCRIPTOR_SET).unwrap();
        let mut api = Self { calls: BTreeMap::new(), messages: BTreeMap::new(), comments: BTreeMap::new() };
        for file in set.file.iter().filter(|file| file.package() == "lepton.v1") {
            api.add_file(file);
        }
        api
    }

    fn add_file(&mut self, file: &FileDescriptorProto) {
        let locations = &file.source_code_info.as_ref().unwrap().location;
        for (service, number) in file.service.iter().zip(0..) {
            let at = [path::FILE_SERVICE, number];
            self.note(service.name(), locations, &at);
            for (method, position) in service.method.iter().zip(0..) {
                let name = format!("{}.{}", service.name(), method.name());
                let comment =
                    self.note(&name, locations, &[&at[..], &[path::SERVICE_METHOD, position]].concat());
                self.calls.insert(name, Call { comment, request: method.input_type().to_owned() });
            }
        }
        for (message, number) in file.message_type.iter().zip(0..) {
            self.add_message(message, locations, &[path::FILE_MESSAGE, number], ".lepton.v1");
        }
        for (kind, number) in file.enum_type.iter().zip(0..) {
            self.add_enum(kind, locations, &[path::FILE_ENUM, number], ".lepton.v1");
        }
    }

    fn add_message(&mut self, message: &DescriptorProto, locations: &[Location], at: &[i32], outer: &str) {
        // What stands for a map's entries is nobody's own.
        if message.options.as_ref().is_some_and(|options| options.map_entry()) {
            return;
        }
        let name = format!("{outer}.{}", message.name());
        self.note(&name, locations, at);
        for (field, position) in message.field.iter().zip(0..) {
            let at = [at, &[path::MESSAGE_FIELD, position]].concat();
            self.note(&format!("{name}.{}", field.name()), locations, &at);
        }
        for (nested, position) in message.nested_type.iter().zip(0..) {
            self.add_message(nested, locations, &[at, &[path::MESSAGE_NESTED, position]].concat(), &name);
        }
        for (kind, position) in message.enum_type.iter().zip(0..) {
            self.add_enum(kind, locations, &[at, &[path::MESSAGE_ENUM, position]].concat(), &name);
        }
        self.messages.insert(name, message.clone());
    }

    fn add_enum(&mut self, kind: &EnumDescriptorProto, locations: &[Location], at: &[i32], outer: &str) {
        let name = format!("{outer}.{}", kind.name());
        self.note(&name, locations, at);
        for (value, position) in kind.value.iter().zip(0..) {
            let at = [at, &[path::ENUM_VALUE, position]].concat();
            self.note(&format!("{name}.{}", value.name()), locations, &at);
        }
    }

    fn note(&mut self, name: &str, locations: &[Location], at: &[i32]) -> String {
        let comment = locations.iter().find(|location| location.path == at);
        let comment = comment.map(|location| location.leading_comments().to_owned()).unwrap_or_default();
        self.comments.insert(name.to_owned(), comment.clone());
        comment
    }
}

#[test]
fn every_request_that_changes_something_can_be_repeated_and_rehearsed() {
    let api = Api::read();
    let [mut questions, mut changes] = [0, 0];
    // It has those of the call that it carries.
    for (name, call) in api.calls.iter().filter(|(name, _)| name.as_str() != "Plans.ApplyPlan") {
        let request = &api.messages[&call.request];
        let common =
            request.field.iter().filter(|field| ["request_id", "validate_only"].contains(&field.name()));
        let common: BTreeSet<_> = common.map(|field| (field.name(), field.r#type())).collect();
        let is_question = name.split_once('.').unwrap().1;
        if QUESTIONS.iter().any(|word| is_question.starts_with(word)) {
            assert_eq!(common, BTreeSet::new(), "{name} changes nothing");
            questions += 1;
        } else {
            let expected = [("request_id", Type::String), ("validate_only", Type::Bool)];
            assert_eq!(common, expected.into(), "{name} changes something");
            changes += 1;
        }
    }
    assert!(questions > 3 && changes > 4, "{questions} {changes}");
}

#[test]
fn everything_has_a_comment() {
    let api = Api::read();
    let without: Vec<_> = api.comments.iter().filter(|(_, comment)| comment.trim().is_empty()).collect();
    assert!(without.is_empty(), "{without:?}");
    assert!(api.comments.len() > 100, "{}", api.comments.len());
}

#[test]
fn every_call_tells_its_errors() {
    for (name, call) in Api::read().calls {
        let paragraphs = call.comment.split("\n\n");
        let errors = paragraphs.map(str::trim).find_map(|paragraph| paragraph.strip_prefix("Errors:"));
        assert!(errors.is_some_and(|errors| !errors.trim().is_empty()), "{name}:\n{}", call.comment);
    }
}
