//! For whom a pool is: a set of age bands and sexes, in the words of the railway (`F`, `M 60+`).
//!
//! A word is a sex, an age or both; who fits any word of a pool may travel on it. Ages come in bands
//! (design section 4), so an age in a word must be where a band begins or ends.

use core::fmt;

use crate::{AgeBand, Passenger, Sex};

/// Youngest age of each band, in the order of their numbers.
const BEGINS: [u8; 7] = [0, 5, 12, 18, 45, 58, 60];
const _: () = assert!(BEGINS.len() == AgeBand::ALL.len());

/// Who may travel on a pool: bit `(band - 1) * 4 + sex - 1`, by their numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Eligible(u32);

/// A word that says nobody, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "eligible {word:?} is not a sex (M F T U), an age (60+, 5-11) or both, such as \"F 45+\"; ages \
     begin at 0 5 12 18 45 58 60 and end at 4 11 17 44 57 59"
)]
pub struct EligibleFault {
    /// The start of the word.
    pub word: Box<str>,
}

impl Eligible {
    /// No word: everybody.
    pub const EVERYBODY: Self = Self((1 << (BEGINS.len() * Sex::ALL.len())) - 1);

    /// Who fits any of these words; everybody when there is none.
    ///
    /// # Errors
    /// The first word that is none.
    pub fn of(words: &[impl AsRef<str>]) -> Result<Self, EligibleFault> {
        if words.is_empty() {
            return Ok(Self::EVERYBODY);
        }
        let fault = |word: &str| EligibleFault { word: word.chars().take(24).collect() };
        words.iter().map(AsRef::as_ref).try_fold(Self(0), |all, word| {
            Ok(Self(all.0 | one(word).ok_or_else(|| fault(word))?.0))
        })
    }

    /// Whether somebody may travel on it.
    #[inline]
    pub const fn admits(self, passenger: &Passenger) -> bool {
        self.0 >> bit(passenger.age, passenger.sex) & 1 == 1
    }

    /// The 0-based place of the first who may not.
    #[inline]
    pub fn turns_away(self, party: &[Passenger]) -> Option<usize> {
        if self == Self::EVERYBODY {
            return None;
        }
        party.iter().position(|passenger| !self.admits(passenger))
    }
}

impl fmt::Debug for Eligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Eligible({:#x})", self.0)
    }
}

const fn bit(age: AgeBand, sex: Sex) -> usize {
    (age as usize - 1) * Sex::ALL.len() + sex as usize - 1
}

/// Who fits one word.
fn one(word: &str) -> Option<Eligible> {
    let (mut ages, mut sex) = (None, None);
    for part in word.split_ascii_whitespace() {
        let twice = match part.parse::<Sex>() {
            Ok(found) => sex.replace(found).is_some(),
            Err(_) => ages.replace(bands(part)?).is_some(),
        };
        if twice {
            return None;
        }
    }
    if ages.is_none() && sex.is_none() {
        return None;
    }
    let ages = ages.unwrap_or(0..BEGINS.len());
    let mut set = 0;
    for age in &AgeBand::ALL[ages] {
        for fits in Sex::ALL.iter().filter(|fits| sex.is_none_or(|sex| sex == **fits)) {
            set |= 1 << bit(*age, *fits);
        }
    }
    Some(Eligible(set))
}

/// The bands of `60+` or `5-11`.
fn bands(text: &str) -> Option<core::ops::Range<usize>> {
    let begins = |age: &str| {
        let age: u8 = age.parse().ok()?;
        BEGINS.iter().position(|begin| *begin == age)
    };
    if let Some(from) = text.strip_suffix('+') {
        return Some(begins(from)?..BEGINS.len());
    }
    let (from, to) = text.split_once('-')?;
    let last: u8 = to.parse().ok()?;
    let end = BEGINS.iter().position(|begin| *begin == last.checked_add(1).unwrap_or(0))?;
    let range = begins(from)?..end;
    (!range.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(age: AgeBand, sex: Sex) -> Passenger {
        Passenger { age, sex, berth_required: true, preference: None }
    }

    #[test]
    fn a_word_is_a_sex_an_age_or_both_and_words_add_up() {
        let admitted = |words: &[&str]| {
            let eligible = Eligible::of(words).unwrap();
            let all = AgeBand::ALL.iter().flat_map(|age| Sex::ALL.iter().map(|sex| (*age, *sex)));
            all.filter(|(age, sex)| eligible.admits(&who(*age, *sex))).collect::<Vec<_>>()
        };
        assert_eq!(admitted(&["F"]).len(), 7);
        assert_eq!(admitted(&["60+"]).len(), 4);
        assert_eq!(admitted(&["M 60+"]), [(AgeBand::Senior, Sex::Male)]);
        assert_eq!(admitted(&["5-17 T"]).len(), 2);
        let seniors = [
            (AgeBand::Adult45, Sex::Female),
            (AgeBand::Adult58, Sex::Female),
            (AgeBand::Senior, Sex::Male),
            (AgeBand::Senior, Sex::Female),
        ];
        assert_eq!(admitted(&["60+ M", "F 45+"]), seniors);
        assert_eq!(admitted(&[]).len(), 28);
        assert_eq!(Eligible::of(&["0+"]).unwrap(), Eligible::EVERYBODY);
    }

    #[test]
    fn what_is_no_word_is_said() {
        for word in
            ["", " ", "X", "50+", "+", "5-10", "12-11", "60-", "F F", "5+ 60+", "0-255", "f"]
        {
            let fault = Eligible::of(&["F", word]).unwrap_err();
            assert_eq!(&*fault.word, word);
        }
    }

    #[test]
    fn the_first_who_may_not_is_named() {
        let party = [who(AgeBand::Adult, Sex::Female), who(AgeBand::Adult, Sex::Male)];
        assert_eq!(Eligible::of(&["F"]).unwrap().turns_away(&party), Some(1));
        assert_eq!(Eligible::of(&["18+"]).unwrap().turns_away(&party), None);
        assert_eq!(Eligible::EVERYBODY.turns_away(&party), None);
    }
}
