//! The reference of the gRPC API, from the descriptors of `proto/`, whose comments they carry.

use std::{collections::BTreeMap, fmt::Write as _};

use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

/// Field numbers in `google/protobuf/descriptor.proto`, of which the paths to comments are made.
mod path {
    pub(super) const FILE_MESSAGE: i32 = 4;
    pub(super) const FILE_ENUM: i32 = 5;
    pub(super) const FILE_SERVICE: i32 = 6;
    pub(super) const FILE_SYNTAX: i32 = 12;
    pub(super) const MESSAGE_FIELD: i32 = 2;
    pub(super) const MESSAGE_NESTED: i32 = 3;
    pub(super) const MESSAGE_ENUM: i32 = 4;
    pub(super) const ENUM_VALUE: i32 = 2;
    pub(super) const SERVICE_METHOD: i32 = 2;
}

/// The package whose files are described; what they import is described elsewhere.
const PACKAGE: &str = "lepton.v1";

/// The file whose comment holds for every call, so that the page begins with it.
const FIRST: &str = "lepton/v1/network_manager.proto";

/// The whole page.
pub(super) fn page() -> String {
    let set = FileDescriptorSet::decode(lepton_proto::FILE_DESCRIPTOR_SET)
        .expect("the build made these descriptors");
    let mut files: Vec<_> = set.file.iter().filter(|file| file.package() == PACKAGE).map(File::new).collect();
    files.sort_by_key(|file| file.descriptor.name() != FIRST);
    let mut page = Page(format!(
        "# gRPC API `{PACKAGE}`\n\nGenerated from `proto/lepton/v1` by `cargo xtask docs`; do not edit.\n"
    ));
    for file in &files {
        file.services(&mut page);
    }
    page.line(format_args!("\n# Messages"));
    for file in &files {
        file.messages(&mut page);
    }
    page.0
}

/// A page of Markdown under way.
struct Page(String);

/// A proto file and its comments by path.
struct File<'a> {
    descriptor: &'a FileDescriptorProto,
    comments: BTreeMap<&'a [i32], String>,
}

impl Page {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("a String takes all text");
    }

    /// A paragraph of comments; lines that are indented stay as they are.
    fn prose(&mut self, comment: &str) {
        let mut is_in_block = false;
        self.line(format_args!(""));
        for line in comment.lines() {
            let is_indented = line.starts_with("  ");
            match (is_in_block, is_indented) {
                (false, true) => self.line(format_args!("\n```text")),
                (true, false) => self.line(format_args!("```{}", if line.is_empty() { "" } else { "\n" })),
                (false, false) | (true, true) => {}
            }
            is_in_block = is_indented;
            self.line(format_args!("{}", if is_indented { line } else { line.trim() }));
        }
        if is_in_block {
            self.line(format_args!("```"));
        }
    }
}

impl<'a> File<'a> {
    fn new(descriptor: &'a FileDescriptorProto) -> Self {
        let locations = descriptor.source_code_info.iter().flat_map(|info| &info.location);
        let comment = |location: &prost_types::source_code_info::Location| {
            let detached = location.leading_detached_comments.iter().map(String::as_str);
            let all = detached.chain([location.leading_comments()]);
            all.map(unindented).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
        };
        let comments = locations.map(|location| (location.path.as_slice(), comment(location))).collect();
        Self { descriptor, comments }
    }

    fn comment(&self, path: &[i32]) -> &str {
        self.comments.get(path).map_or("", String::as_str)
    }

    fn services(&self, page: &mut Page) {
        if self.descriptor.service.is_empty() {
            return;
        }
        page.prose(self.comment(&[path::FILE_SYNTAX]));
        for (service, number) in self.descriptor.service.iter().zip(0..) {
            self.service(page, service, number);
        }
    }

    fn service(&self, page: &mut Page, service: &ServiceDescriptorProto, number: i32) {
        page.line(format_args!("\n# Service `{}`", service.name()));
        page.prose(self.comment(&[path::FILE_SERVICE, number]));
        for (method, position) in service.method.iter().zip(0..) {
            let (input, output) = (linked(method.input_type()), linked(method.output_type()));
            let stream = |is_stream| if is_stream { "stream of " } else { "" };
            page.line(format_args!("\n## {}", method.name()));
            page.line(format_args!(
                "\n{}{input} → {}{output}",
                stream(method.client_streaming()),
                stream(method.server_streaming()),
            ));
            page.prose(self.comment(&[path::FILE_SERVICE, number, path::SERVICE_METHOD, position]));
        }
    }

    fn messages(&self, page: &mut Page) {
        for (message, number) in self.descriptor.message_type.iter().zip(0..) {
            self.message(page, message, &[path::FILE_MESSAGE, number], "");
        }
        for (kind, number) in self.descriptor.enum_type.iter().zip(0..) {
            self.kind(page, kind, &[path::FILE_ENUM, number], "");
        }
    }

    fn message(&self, page: &mut Page, message: &DescriptorProto, path: &[i32], outer: &str) {
        let name = format!("{outer}{}", message.name());
        page.line(format_args!("\n## {name}"));
        page.prose(self.comment(path));
        if !message.field.is_empty() {
            page.line(format_args!("\n| field | number | type | meaning |\n| --- | --- | --- | --- |"));
        }
        for (field, position) in message.field.iter().zip(0..) {
            let meaning = self.comment(&[path, &[path::MESSAGE_FIELD, position]].concat());
            let choice =
                field.oneof_index.and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?));
            let choice = choice.map(|choice| format!(" (one of `{}`)", choice.name())).unwrap_or_default();
            page.line(format_args!(
                "| `{}` | {} | {}{choice} | {} |",
                field.name(),
                field.number(),
                type_of(field, message),
                in_a_cell(meaning),
            ));
        }
        let prefix = format!("{name}.");
        for (nested, position) in message.nested_type.iter().zip(0..) {
            if is_map_entry(nested) {
                continue;
            }
            self.message(page, nested, &[path, &[path::MESSAGE_NESTED, position]].concat(), &prefix);
        }
        for (kind, position) in message.enum_type.iter().zip(0..) {
            self.kind(page, kind, &[path, &[path::MESSAGE_ENUM, position]].concat(), &prefix);
        }
    }

    fn kind(&self, page: &mut Page, kind: &EnumDescriptorProto, path: &[i32], outer: &str) {
        page.line(format_args!("\n## {outer}{}", kind.name()));
        page.prose(self.comment(path));
        page.line(format_args!("\n| value | number | meaning |\n| --- | --- | --- |"));
        for (value, position) in kind.value.iter().zip(0..) {
            let meaning = self.comment(&[path, &[path::ENUM_VALUE, position]].concat());
            page.line(format_args!("| `{}` | {} | {} |", value.name(), value.number(), in_a_cell(meaning)));
        }
    }
}

/// A comment's text without the space that follows each `//`.
fn unindented(comment: &str) -> String {
    let lines = comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

fn in_a_cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Whether the compiler made the message for a map's keys and values; then the map's field tells all of it.
fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(|options| options.map_entry())
}

/// What a field of the message `of` holds.
fn type_of(field: &FieldDescriptorProto, of: &DescriptorProto) -> String {
    let entry = of.nested_type.iter().filter(|nested| is_map_entry(nested));
    let mut entry = entry.filter(|nested| field.type_name().rsplit('.').next() == Some(nested.name()));
    if let Some(entry) = entry.next() {
        let sides: Vec<_> = entry.field.iter().map(|side| type_of(side, entry)).collect();
        return format!("map of {}", sides.join(" to "));
    }
    let is_named = matches!(field.r#type(), Type::Message | Type::Enum);
    let scalar = || format!("{:?}", field.r#type()).to_lowercase();
    let name = if is_named { linked(field.type_name()) } else { scalar() };
    if field.label() == Label::Repeated { format!("list of {name}") } else { name }
}

/// A type's name; one of ours is a link to its place in the page.
fn linked(full_name: &str) -> String {
    let full_name = full_name.trim_start_matches('.');
    match full_name.strip_prefix(PACKAGE).and_then(|name| name.strip_prefix('.')) {
        Some(name) => format!("[{name}](#{})", name.to_lowercase().replace('.', "")),
        None => full_name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_tells_every_call_with_its_roles_and_errors() {
        let page = page();
        let allocate = page.split_once("\n## AllocateForInstance\n").unwrap().1;
        let allocate = allocate.split_once("\n## ").unwrap().0;
        assert!(allocate.contains(
            "[AllocateForInstanceRequest](#allocateforinstancerequest) → [NetworkInfo](#networkinfo)"
        ));
        assert!(allocate.contains("Roles: admin, compute."), "{allocate}");
        assert!(allocate.contains("RESOURCE_EXHAUSTED  / NO_MORE_FIXED_IPS"), "{allocate}");
    }

    #[test]
    fn the_page_tells_every_field_with_its_meaning() {
        let page = page();
        assert!(page.contains("| `cidr` | 1 | string | The prefix without host bits, IPv4 /0 to /32 or IPv6 /0 to /128. Required. |"));
        assert!(page.contains("| `attributes` | 5 | map of string to string |"));
        assert!(page.contains("## PortBinding.Veth\n"));
        assert!(page.contains("| `PORT_STATUS_ACTIVE` | 2 | The host has plugged it. |"));
        let empty =
            page.lines().filter(|line| line.starts_with('|') && line.ends_with("|  |")).collect::<Vec<_>>();
        assert!(empty.is_empty(), "without a comment: {empty:?}");
    }

    #[test]
    fn the_page_begins_with_what_holds_for_every_call() {
        let before_the_service = page().split_once("\n# Service").unwrap().0.to_owned();
        for rule in ["request_id", "validate_only", "google.rpc.ErrorInfo"] {
            assert!(before_the_service.contains(rule), "{before_the_service}");
        }
    }
}
