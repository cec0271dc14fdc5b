// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Streams} from "../../src/libraries/Streams.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Lemmas on the arithmetic of yield, for all values of their symbols at once. Halmos 0.3.3 checks them in about
/// a minute, from the project's root with forge in the PATH:
///
///     FOUNDRY_SRC=contracts/src/libraries FOUNDRY_TEST=contracts/test/halmos FOUNDRY_OUT=contracts/out/halmos \
///     FOUNDRY_CACHE_PATH=contracts/cache/halmos halmos --forge-build-out contracts/out/halmos --solver z3 --loop 10 \
///     --solver-timeout-branching 2s
///
/// To forge they are no tests.
/// @dev Money is symbolic; what is divided by, and times, are picked from lists that hold the edges: dividing by symbols
/// is beyond solvers. The fuzz and invariant tests have the rest.
contract StakingLemmas is Test {
    using Streams for Streams.Stream;

    uint256 private constant STEP = Streams.STEP;
    uint256 private constant STAKES = 5;
    uint256 private constant TIMES = 9;

    Streams.Stream private stream;
    mapping(uint256 end => uint256 rate) private ends;

    /// @dev Nothing of a funding is lost: what does not divide into a rate is carried, below one part a second.
    function check_SplitKeepsAll(uint16 amount, uint8 length) external pure {
        uint256[3] memory lengths = [STEP, STEP + 1 days - 1, 372 days - 1];
        for (uint256 i; i < 3; ++i) {
            if (length != i) continue;
            (uint256 rate, uint256 left) = Streams.split(amount, lengths[i]);
            unchecked {
                assert(rate * lengths[i] + left == amount * Streams.PARTS);
            }
            assert(left < lengths[i]);
        }
    }

    /// @dev Nothing of what drips is lost: two backers' accruals and what is carried are all of it.
    function check_SpreadKeepsAll(uint64 parts, uint8 pick) external pure {
        uint256 stake = _stake(pick);
        (uint256 rise, uint256 left) = Streams.spread(parts, stake);
        unchecked {
            assert(rise * (stake / 3) + rise * (stake - stake / 3) + left == parts);
        }
        assert(left < stake);
    }

    /// @dev Settling in between changes nothing: what is carried makes up for it exactly.
    function check_SettlingTwiceIsSettlingOnce(uint8 first, uint8 second, uint8 carried, uint8 pick) external pure {
        uint256 stake = _stake(pick);
        (uint256 rise1, uint256 left1) = Streams.spread(uint256(first) + carried, stake);
        (uint256 rise2, uint256 left2) = Streams.spread(uint256(second) + left1, stake);
        (uint256 rise, uint256 left) = Streams.spread(uint256(first) + second + carried, stake);
        assert(rise1 + rise2 == rise);
        assert(left2 == left);
    }

    /// @dev Whenever it is settled in between, the same drips; never more than is there, and all of it in the end.
    function check_DripInPartsIsDripAtOnce(uint64 rate1, uint64 rate2, uint8 pickMiddle, uint8 pickUntil) external {
        (uint256 middle, uint256 until) = (_time(pickMiddle), _time(pickUntil));
        vm.assume(middle <= until);
        ends[STEP] = rate1;
        ends[2 * STEP] = rate2;
        uint256 rate = uint256(rate1) + rate2;
        uint256 all = rate1 * STEP + rate2 * 2 * STEP;

        uint256[3] memory once = _drip(rate, 0, until);
        uint256[3] memory first = _drip(rate, 0, middle);
        // A stream that runs dry stops its clock.
        uint256[3] memory second = _drip(first[1], first[2], first[2] + until - middle);

        assert(once[0] <= all);
        if (until >= 2 * STEP) assert(once[0] == all);
        assert(first[0] + second[0] == once[0]);
        assert(second[1] == once[1]);
        if (once[1] != 0) assert(second[2] == once[2]);
    }

    /// @dev In storage: what accrued, what is carried and what has not dripped are together what they were.
    function check_SettleKeepsAll(uint16 rate1, uint16 rate2, uint8 carried, uint8 pickStake, uint8 pickTime) external {
        (uint256 stake, uint256 time) = (_stake(pickStake), _time(pickTime));
        _open(rate1, rate2, carried);
        stream.stake = uint128(stake);
        uint256 before = stream.undripped();
        vm.warp(block.timestamp + time);
        uint256 index = stream.settle();
        unchecked {
            assert(index * stake + stream.carried + stream.undripped() == before + carried);
        }
    }

    /// @dev Nothing drips in time of zero stake.
    function check_NothingDripsWithoutStake(uint128 rate1, uint128 rate2, uint128 carried, uint32 time) external {
        _open(rate1, rate2, carried);
        vm.warp(block.timestamp + time);
        stream.settle();
        assert(stream.index == 0);
        assert(stream.rate == uint256(rate1) + rate2);
        assert(stream.clock == 0);
        assert(stream.carried == carried);
    }

    /// @dev A funding beside others leaves their rates and ends as they were.
    function check_FundingLeavesOthersAlone(uint8 amount, uint64 rate1, uint64 rate2, uint8 pick) external {
        uint256 duration = _time(pick);
        vm.assume(duration >= STEP - 1);
        _open(rate1, rate2, 0);
        uint256 end = stream.add(amount, duration);
        uint256 added = stream.rate - rate1 - rate2;
        assert(end >= duration && end < duration + STEP && end % STEP == 0);
        assert(stream.ends[STEP] == (end == STEP ? rate1 + added : rate1));
        assert(stream.ends[2 * STEP] == (end == 2 * STEP ? rate2 + added : rate2));
        assert(end != 3 * STEP || stream.ends[end] == added);
    }

    /// @dev Two fundings, which end after one and two steps.
    function _open(uint256 rate1, uint256 rate2, uint128 carried) private {
        stream.ends[STEP] = rate1;
        stream.ends[2 * STEP] = rate2;
        stream.rate = uint208(rate1 + rate2);
        stream.carried = carried;
        stream.updated = uint48(block.timestamp);
    }

    /// @dev What drips, and the rate and the clock after it.
    function _drip(uint256 rate, uint256 clock, uint256 until) private view returns (uint256[3] memory result) {
        (result[0], result[1], result[2]) = Streams.drip(ends, rate, clock, until);
    }

    function _stake(uint256 pick) private pure returns (uint256) {
        vm.assume(pick < STAKES);
        uint256[STAKES] memory stakes = [uint256(1), 2, 3, 7, 10];
        for (uint256 i; i < STAKES; ++i) {
            if (pick == i) return stakes[i];
        }
        return 1;
    }

    function _time(uint256 pick) private pure returns (uint256) {
        vm.assume(pick < TIMES);
        uint256[TIMES] memory times = [0, 1, STEP - 1, STEP, STEP + 1, 2 * STEP - 1, 2 * STEP, 2 * STEP + 1, 3 * STEP];
        for (uint256 i; i < TIMES; ++i) {
            if (pick == i) return times[i];
        }
        return 0;
    }
}
