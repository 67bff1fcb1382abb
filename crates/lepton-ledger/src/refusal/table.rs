//! [`refusals`]: the table of refusals as a type.

/// Makes [`super::Refusal`] of its table, with all that is told of each.
macro_rules! refusals {
    ($(
        $(#[$attribute:meta])*
        $name:ident = $reason:literal, $($kind:ident),+ $(at $path:tt)? {
            $($(#[$field_attribute:meta])* $field:ident: $type:ty $(= $told_as:expr)?,)*
        }
    )+) => {
        /// Why a request is refused; the ledger is as it was.
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        #[expect(missing_docs, reason = "the names and types of most fields say it all")]
        pub enum Refusal {
            $($(#[$attribute])* $name { $($(#[$field_attribute])* $field: $type,)* },)+
        }

        impl Refusal {
            /// The reason's name on every face.
            pub fn reason(&self) -> &'static str {
                match self { $(Self::$name { .. } => $reason,)+ }
            }

            /// What kind of error it is.
            pub fn kind(&self) -> RefusalKind {
                let (kinds, path): (&[RefusalKind], _) = match self {
                    $(Self::$name { .. } => (&[$(RefusalKind::$kind),+], self.field_at_fault()),)+
                };
                let kind = if path.is_some() { kinds.last() } else { kinds.first() };
                *kind.expect("each row of the table names a kind")
            }

            /// Path of the field in the request that is at fault, if the refusal is about one.
            pub fn field_at_fault(&self) -> Option<&str> {
                #[expect(unused_variables, reason = "few rows name a field as the path")]
                match self { $(Self::$name { $($field),* } => None$(.or($path.path()))?,)+ }
            }

            /// What the refusal is about, by name, for programs.
            pub fn metadata(&self) -> Vec<(&'static str, String)> {
                let mut told = Vec::new();
                #[expect(unused_variables, reason = "some fields are told to people only")]
                match self {
                    $(Self::$name { $($field),* } => { $($($field.tell($told_as, &mut told);)?)* })+
                }
                told
            }
        }

        #[cfg(test)]
        pub(super) const REASONS: &[&str] = &[$($reason),+];
    };
}

pub(super) use refusals;
