// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAssetRegistry} from "../../src/interfaces/IAssetRegistry.sol";
import {IDisputes} from "../../src/interfaces/IDisputes.sol";
import {ILicences} from "../../src/interfaces/ILicences.sol";
import {Handler} from "../invariants/Handler.sol";
import {Mirror} from "../invariants/Mirror.sol";
import {Vm} from "forge-std/Vm.sol";

/// @notice Writes down what happens: every log of our contracts, and in the end the state that their views tell.
/// A line is `contract NAME ADDRESS`, `log BLOCK TIME ADDRESS TOPICS DATA` or `state KEY VALUE...`.
contract Journal is Handler {
    string internal path;
    uint256 internal blockNumber;
    string[] internal waiting;

    /// @dev What was deployed is written here: its logs were observed before this ran.
    constructor(string memory path_) {
        path = path_;
        vm.createDir("contracts/cache", true);
        vm.writeFile(path, "");
        string[8] memory names =
            ["AssetRegistry", "Market", "Payouts", "Licences", "Staking", "Disputes", "CouncilArbiter", "Anchor"];
        for (uint256 i; i < 8; ++i) {
            _line(string.concat("contract ", names[i], " ", vm.toString(_contracts()[i])));
        }
        for (uint256 i; i < waiting.length; ++i) {
            _line(waiting[i]);
        }
    }

    function _observe(Vm.Log[] memory logs) internal override(Mirror) {
        super._observe(logs);
        ++blockNumber;
        for (uint256 i; i < logs.length; ++i) {
            if (!_isOurs(logs[i].emitter)) continue;
            string memory line = _text(logs[i]);
            if (bytes(path).length == 0) waiting.push(line);
            else _line(line);
        }
    }

    function _text(Vm.Log memory log) private view returns (string memory line) {
        line = string.concat("log ", vm.toString(blockNumber), " ", vm.toString(block.timestamp));
        line = string.concat(line, " ", vm.toString(log.emitter), " ", vm.toString(abi.encodePacked(log.topics)));
        line = string.concat(line, " ", vm.toString(log.data));
    }

    function _isOurs(address emitter) private view returns (bool) {
        address[8] memory ours = _contracts();
        for (uint256 i; i < 8; ++i) {
            if (ours[i] == emitter) return true;
        }
        return false;
    }

    function _contracts() private view returns (address[8] memory) {
        return [
            address(registry),
            address(market),
            address(payouts),
            address(licenceNft),
            address(staking),
            address(dispute),
            address(council),
            address(ledger)
        ];
    }

    // ---------------------------------------------------------------------------------------------------------- state

    function writeState() external {
        for (uint256 id = 1; id <= registry.assetCount(); ++id) {
            _writeAsset(id);
        }
        for (uint256 i; i < ACTORS; ++i) {
            _writeAccount(actors[i]);
        }
        for (uint256 c; c < 5; ++c) {
            uint256 declared = payouts.tallyOf(currencies[c]).declared;
            if (declared != 0) _state("declared", vm.toString(currencies[c]), vm.toString(declared));
        }
        _state("fee", vm.toString(market.feeBps()), vm.toString(market.feeRecipient()));
        (bytes32 pending,,) = payouts.pendingRoot();
        _state("roots", vm.toString(payouts.activeRoot()), vm.toString(pending));
        for (uint256 id = 1; id <= licenceNft.licenceCount(); ++id) {
            ILicences.Licence memory licence = licenceNft.licenceOf(id);
            string memory rest = string.concat(vm.toString(licence.uses), " ", vm.toString(licence.expiresAt));
            rest = string.concat(vm.toString(licenceNft.ownerOf(id)), " ", rest);
            rest = string.concat(vm.toString(licence.termsId), " ", rest);
            _state("licence", vm.toString(id), string.concat(vm.toString(licence.assetId), " ", rest));
        }
        for (uint256 i; i < exits.length; ++i) {
            (uint256 amount,) = staking.coolingOf(exitOf[i], exits[i]);
            _state("cooling", vm.toString(exits[i]), vm.toString(amount));
        }
        for (uint256 id = 1; id <= dispute.disputeCount(); ++id) {
            IDisputes.Dispute memory one = dispute.disputeOf(id);
            string memory rest = string.concat(vm.toString(one.claimant), " ", vm.toString(one.respondent));
            rest = string.concat(vm.toString(one.bond), " ", rest);
            _state("dispute", vm.toString(id), string.concat(vm.toString(uint8(one.status)), " ", rest));
        }
        (uint64 anchors, uint64 size, bytes22 head) = ledger.latest();
        string memory newest = string.concat(vm.toString(size), " ", vm.toString(abi.encodePacked(head)));
        _state("anchor", vm.toString(anchors), newest);
    }

    function _writeAsset(uint256 id) private {
        IAssetRegistry.Details memory details = registry.detailsOf(id);
        string memory rest = string.concat(vm.toString(details.royaltyBps), " ", vm.toString(details.frozenUntil));
        rest = string.concat(vm.toString(details.epoch), " ", rest);
        _state("asset", vm.toString(id), string.concat(vm.toString(details.owner), " ", rest));
        if (staking.totalStakeOf(id) != 0) _state("staked", vm.toString(id), vm.toString(staking.totalStakeOf(id)));
    }

    function _writeAccount(address actor) private {
        string memory name = vm.toString(actor);
        uint64 makerEpoch = market.makerEpochOf(actor);
        if (makerEpoch != 0) _state("maker", name, vm.toString(makerEpoch));
        for (uint256 n; n < nonces + 300; ++n) {
            if (market.isNonceUsed(actor, n)) _state("nonce", name, vm.toString(n));
            if (market.isNonceUsed(actor, n + 1000)) _state("nonce", name, vm.toString(n + 1000));
        }
        for (uint256 c; c < 5; ++c) {
            string memory key = string.concat(name, " ", vm.toString(currencies[c]));
            uint256 credit = market.creditOf(actor, currencies[c]);
            if (credit != 0) _state("credit", key, vm.toString(credit));
            uint256 claimed = payouts.claimedOf(actor, currencies[c]);
            if (claimed != 0) _state("claimed", key, vm.toString(claimed));
        }
        address to = payouts.payoutAddressOf(actor);
        if (to != actor) _state("payee", name, vm.toString(to));
        uint256 bonds = dispute.withdrawableOf(actor);
        if (bonds != 0) _state("bonds", name, vm.toString(bonds));
        for (uint256 id = 1; id <= registry.assetCount(); ++id) {
            uint256 staked = staking.stakeOf(actor, id);
            if (staked != 0) _state("stake", string.concat(name, " ", vm.toString(id)), vm.toString(staked));
        }
    }

    function _state(string memory kind, string memory key, string memory value) private {
        _line(string.concat("state ", kind, " ", key, " ", value));
    }

    function _line(string memory text) private {
        vm.writeLine(path, text);
    }
}
