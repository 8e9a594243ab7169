//! The chain CNF <- RAC <- waiting list, by either rule, whatever frees the berth.

use crate::Promotion;
use crate::tests::table::check_on;
use crate::tests::world::{World, plan_with_lists};

/// Three berths of 3A GN for H1 to H3, two halves for H4 and H5, then GNWL 1 to 3.
const FULL: &str = "
    @0 reserve a H1 3A GN S1..S4 M30 => H1 B1-1:held until 300
    reserve b H2 3A GN S1..S4 M30 => H2 B1-2:held until 300
    reserve c H3 3A GN S1..S3 M30 => H3 B1-3:held until 300
    reserve d H4 3A GN S1..S4 M30 wl => H4 B1-7:held(RAC1/1) until 300
    reserve e H5 3A GN S1..S3 M30 wl => H5 B1-7:held(RAC2/2) until 300
    reserve f H6 3A GN S1..S4 M30 wl => H6 none:held(GNWL1/1) until 300
    reserve g H7 3A GN S1..S2 M30 wl => H7 none:held(GNWL2/2) until 300
    reserve h H8 3A GN S1..S3 M30 wl => H8 none:held(GNWL3/3) until 300";

fn check(promotion: Promotion, table: &str) {
    let mut world = World::of(plan_with_lists(promotion));
    check_on(&mut world, FULL);
    check_on(&mut world, table);
}

#[test]
fn a_berth_goes_to_rac_and_the_half_to_who_waits() {
    for rule in [Promotion::WaitForHead, Promotion::FirstThatFits] {
        check(
            rule,
            "@1 release z H1 => released 1 promoted H4[1]:RAC1->B1-1 H6[1]:GNWL1->B1-7(RAC3)
             get H4 => known H4 B1-1:held(RAC1/-) until 300
             get H5 => known H5 B1-7:held(RAC2/1) until 300
             get H6 => known H6 B1-7:held(GNWL1/RAC2) until 300
             get H7 => known H7 none:held(GNWL2/1) until 300",
        );
    }
}

#[test]
fn a_short_gap_waits_for_the_head_or_goes_to_whom_it_fits() {
    // H3 gives back S1..S3 of a berth that is free behind it: the whole berth.
    check(
        Promotion::WaitForHead,
        "@1 block z B1-3 S3..S4 => berths B1-3
         release y H3 => released 1
         get H5 => known H5 B1-7:held(RAC2/2) until 300
         reserve x H9 3A GN S1..S3 M30 => SOLD_OUT
         reserve x H9 3A GN S1..S2 M30 => SOLD_OUT
         reserve x H9 3A GN S2..S3 M30 => H9 B1-3:held until 301
         release w H9 => released 1
         release v H4 => released 1 promoted H5[1]:RAC2->B1-3 H6[1]:GNWL1->B1-7(RAC3) \
            H7[1]:GNWL2->B1-7(RAC4)",
    );
    check(
        Promotion::FirstThatFits,
        "@1 block z B1-3 S3..S4 => berths B1-3
         release y H3 => released 1 promoted H5[1]:RAC2->B1-3 H6[1]:GNWL1->B1-7(RAC3)
         get H7 => known H7 none:held(GNWL2/1) until 300",
    );
}

#[test]
fn whoever_gives_it_back_somebody_gets_it() {
    check(
        Promotion::FirstThatFits,
        "@1 confirm z H1 => P256 1:B1-1:confirmed
         confirm y H4 => P257 1:B1-7:confirmed(RAC1/1)
         confirm w H6 => P258 1:none:confirmed(GNWL1/1)
         cancel x P256 => cancelled 1 promoted H4[1]:RAC1->B1-1 H6[1]:GNWL1->B1-7(RAC3)
         cancel x P256 => known cancelled 1
         booking P257 => known P257 1:B1-1:confirmed(RAC1/-)
         cancel u P257 => cancelled 1 promoted H5[1]:RAC2->B1-1 H7[1]:GNWL2->B1-7(RAC4)
         @300 expire H2 => done
         get H6 => known H6 B1-2:confirmed(GNWL1/-) until 300
         expire H3 => done
         get H7 => known H7 B1-3:expired(GNWL2/-) until 300
         get H8 => known H8 B1-7:expired(GNWL3/RAC1) until 300
         block t B1-4 => berths B1-4
         expire H5 => done
         expire H7 => done
         expire H8 => done
         reserve s H9 3A GN S1..S4 M30 => H9 B1-1:held until 600",
    );
}

#[test]
fn numbers_of_unpaid_holds_are_given_again_at_the_end_only() {
    check(
        Promotion::FirstThatFits,
        "@1 release z H8 => released 1
         reserve y H9 3A GN S1..S4 M30 wl => H9 none:held(GNWL3/3) until 301
         confirm x H9 => P256 1:none:confirmed(GNWL3/3)
         release w H7 => released 1
         reserve v H10 3A GN S1..S4 M30 wl => H10 none:held(GNWL4/3) until 301
         release u H10 => released 1
         cancel t P256 => cancelled 1
         booking P256 => known P256 1:none:cancelled(GNWL3/-)
         reserve s H11 3A GN S1..S4 M30 wl => H11 none:held(GNWL4/2) until 301",
    );
}

#[test]
fn a_number_left_for_a_better_place_is_given_to_nobody_else() {
    // H6 has not paid when H9 comes; both tickets say which number was given first.
    check(
        Promotion::FirstThatFits,
        "@1 release z H1 => released 1 promoted H4[1]:RAC1->B1-1 H6[1]:GNWL1->B1-7(RAC3)
         release y H7 => released 1
         release x H8 => released 1
         reserve w H9 3A GN S1..S4 M30 wl => H9 none:held(GNWL2/1) until 301
         confirm v H6 => P256 1:B1-7:confirmed(GNWL1/RAC2)
         confirm u H9 => P257 1:none:confirmed(GNWL2/1)",
    );
}

#[test]
fn tatkal_waits_for_tatkal_and_gets_a_berth_at_once() {
    check(
        Promotion::FirstThatFits,
        "@36000 reserve z H9 3A TQ S1..S4 M30 M31 M32 M33 => H9 B1-4:held B1-5:held B1-6:held \
                   B1-8:held until 36300
         reserve y H10 3A TQ S1..S4 M30 rac => SOLD_OUT
         reserve y H10 3A TQ S1..S4 M30 M31 wl => H10 none:held(TQWL1/1) none:held(TQWL2/2) until 36300
         release x H9 [3] => released 3 promoted H10[1]:TQWL1->B1-6
         release w H10 [1] => released 1 promoted H10[2]:TQWL2->B1-6",
    );
}

#[test]
fn a_berth_back_from_the_operator_is_given_too_and_a_run_that_is_over_gives_nothing() {
    check(
        Promotion::FirstThatFits,
        "@1 release z H1 [1] => released 1 promoted H4[1]:RAC1->B1-1 H6[1]:GNWL1->B1-7(RAC3)
         retire y => run retired=true
         get H5 => known H5 B1-7:expired until 1",
    );
    check(
        Promotion::WaitForHead,
        "@1 block z B1-3 S3..S4 => berths B1-3
         release y H3 => released 1
         unblock x B1-3 => berths B1-3
         get H4 => known H4 B1-3:held(RAC1/-) until 300",
    );
}
