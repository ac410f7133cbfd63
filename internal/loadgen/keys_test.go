package loadgen

import (
	"regexp"
	"slices"
	"testing"

	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// Random keys are UUIDs in no order, each of its own, and the same one for the same request; another run makes others.
func TestRandomKeys(t *testing.T) {
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	one, other := linePayments(api.OpAuthorize), linePayments(api.OpAuthorize)
	one.RandomKeys, other.RandomKeys, other.Run = true, true, "another-"
	seen := map[string]bool{}
	var inOrder []string
	for n := range uint64(1000) {
		for _, p := range []*Payments{&one, &other} {
			var req, again api.Request
			p.Fill(n, &req)
			p.Fill(n, &again)
			switch {
			case !uuid.MatchString(req.Key):
				t.Fatalf("request %d: key %q is no UUID of version 4", n, req.Key)
			case seen[req.Key]:
				t.Fatalf("request %d: key %q is another request's", n, req.Key)
			case again.Key != req.Key:
				t.Fatalf("request %d: key %q, and then %q", n, req.Key, again.Key)
			}
			seen[req.Key] = true
			inOrder = append(inOrder, req.Key)
		}
	}
	if slices.IsSorted(inOrder) || slices.IsSorted(inOrder[:5]) {
		t.Error("they come in their order")
	}
}

// A flow's steps have random keys of their own, and a request that is sent again has the one that it had.
func TestRandomKeysOfFlows(t *testing.T) {
	tr := &Traffic{
		Flows: []Flow{{Name: "f", Weight: 1, Steps: []Step{StepAuthorize, StepRepeat, StepCapture}}},
		Cards: linePayments(api.OpAuthorize).Cards, Run: "run-", RandomKeys: true, Pool: Population{Cards: 10},
	}
	if err := tr.Prepare(); err != nil {
		t.Fatal(err)
	}
	f := &lineFlows{traffic: tr, journeys: make([]journey, 1), requests: make([]api.Request, 1)}
	var keys []string
	for n := range uint64(3) {
		tr.open(&f.journeys[0], n)
		for step := range 3 {
			f.journeys[0].step = step
			var req api.Request
			line := f.appendLine(nil, 1, 0, 0)
			if err := wire.DecodeRequest(line[:len(line)-1], &req); err != nil {
				t.Fatal(err)
			}
			keys = append(keys, req.Key)
		}
	}
	for i := 0; i < len(keys); i += 3 {
		if keys[i] != keys[i+1] || keys[i] == keys[i+2] {
			t.Errorf("%q, want a repeat under its key and a capture under another", keys[i:i+3])
		}
	}
	slices.Sort(keys)
	if n := len(slices.Compact(keys)); n != 6 {
		t.Errorf("%d keys of three flows, want 6", n)
	}
}
