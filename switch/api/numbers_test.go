package api_test

import (
	"testing"

	"switchyard/switch/api"
)

// The numbers of operations, entry modes and initiators stand in the MACs of keys, those of entry modes and initiators
// in stored payments too. One that changed would turn the repeat of a request across an upgrade into a conflict, and
// the DE22 of a stored payment into another.
func TestNumbersThatReachTheDisk(t *testing.T) {
	ops := map[api.Op]string{
		1: "authorize", 2: "sale", 3: "verify", 4: "increment", 5: "capture", 6: "reverse", 7: "void", 8: "refund",
		9: "status", 10: "ping", 12: "credit",
	}
	for number, name := range ops {
		if op, ok := api.ParseOp(name); !ok || op != number || op.String() != name {
			t.Errorf("operation %s: got number %d, expected %d", name, op, number)
		}
	}
	const was = 11 // hello
	if name := api.Op(was).String(); name != "" {
		t.Errorf("operation %d is %s: the number was another's, and stands for it on disks", was, name)
	}
	for _, op := range api.Ops() {
		if ops[op] == "" {
			t.Errorf("operation %d is %s: write its number down here, then never change it", op, op)
		}
	}
	entries := map[api.Entry]string{
		0: "ecommerce", 1: "moto", 2: "stored", 3: "manual", 4: "chip", 5: "contactless", 6: "magstripe",
	}
	for number, name := range entries {
		if entry, ok := api.ParseEntry(name); !ok || entry != number || entry.String() != name {
			t.Errorf("entry mode %s: got number %d, expected %d", name, entry, number)
		}
	}
	if name := api.Entry(len(entries)).String(); name != "" {
		t.Errorf("entry mode %d is %s: write its number down here, then never change it", len(entries), name)
	}
	for number, name := range map[api.Initiator]string{0: "cardholder", 1: "merchant"} {
		if initiator, ok := api.ParseInitiator(name); !ok || initiator != number || initiator.String() != name {
			t.Errorf("initiator %s: got number %d, expected %d", name, initiator, number)
		}
	}
}
