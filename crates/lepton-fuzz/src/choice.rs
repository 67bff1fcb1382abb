//! [`Choice`]: which of many things an input is for.

/// Things by their marks, of which every input names one.
///
/// An input begins with a mark of two bytes, which follows from the thing's name. A mark that nothing has stands for the next one
/// that something has: so every input is for something. One that is kept has the mark of what it is for ([`Self::exact`]), and stays for
/// that, whatever else comes to be.
#[derive(Clone, Debug)]
pub struct Choice<T> {
    /// In the order of their marks.
    things: Vec<(u16, T)>,
}

/// Bytes of a mark.
const MARK: usize = 2;

impl Choice<()> {
    /// The mark of what has this name (FNV-1a, folded).
    pub fn mark(name: &str) -> [u8; MARK] {
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let [a, b, c, d] = hash.to_be_bytes();
        [a ^ c, b ^ d]
    }
}

impl<T> Choice<T> {
    /// A choice among things with these names, of which no two may have the same mark.
    pub fn among<'n>(things: impl IntoIterator<Item = (&'n str, T)>) -> Self {
        let mark = |name| u16::from_be_bytes(Choice::mark(name));
        let mut things: Vec<_> = things.into_iter().map(|(name, thing)| (mark(name), thing)).collect();
        things.sort_by_key(|(mark, _)| *mark);
        let twice = things.windows(2).find(|pair| pair[0].0 == pair[1].0);
        assert!(twice.is_none(), "two names have the same mark; call one of them otherwise");
        Self { things }
    }

    /// What an input is for, and the rest of it; none when it is shorter than a mark.
    pub fn read<'i>(&self, input: &'i [u8]) -> Option<(&T, &'i [u8])> {
        let ((_, thing), rest) = self.find(input)?;
        Some((thing, rest))
    }

    /// The mark of what an input is for: it begins with that, or with one that stands for it as long as nothing else comes between.
    pub fn exact(&self, input: &[u8]) -> Option<[u8; MARK]> {
        self.find(input).map(|((mark, _), _)| mark.to_be_bytes())
    }

    fn find<'i>(&self, input: &'i [u8]) -> Option<(&(u16, T), &'i [u8])> {
        let (mark, rest) = input.split_first_chunk::<MARK>()?;
        let mark = u16::from_be_bytes(*mark);
        let place = self.things.partition_point(|(other, _)| *other < mark);
        Some((self.things.get(place).or_else(|| self.things.first())?, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_s_mark_chooses_it_and_every_other_one_something() {
        let names = ["one", "two", "three"];
        let choice = Choice::among(names.map(|name| (name, name)));
        for name in names {
            let input = [&Choice::mark(name)[..], b"rest"].concat();
            assert_eq!(choice.read(&input), Some((&name, &b"rest"[..])));
            assert_eq!(choice.exact(&input), Some(Choice::mark(name)));
        }
        for input in (0..=u16::MAX).map(u16::to_be_bytes) {
            let exact = choice.exact(&input).unwrap();
            assert_eq!(choice.read(&input), choice.read(&exact));
        }
        assert_eq!(choice.read(b"x"), None);
    }

    #[test]
    fn what_comes_to_be_leaves_the_marks_of_others_alone() {
        let (before, after) = (["one", "two"], ["zero", "one", "one and a half", "two"]);
        for name in before {
            for names in [&before[..], &after[..]] {
                let choice = Choice::among(names.iter().map(|name| (*name, *name)));
                assert_eq!(choice.read(&Choice::mark(name)), Some((&name, &[][..])));
            }
        }
    }
}
