package txswitch_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchyard/internal/vfs"
	"switchyard/spec"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/clearing"
	"switchyard/switch/switchtest"
)

// acquirers lists the acquirer ids under which the issuer knows anything.
func acquirers(t *testing.T, s *switchtest.System) string {
	t.Helper()
	var text string
	s.Control("GET", "/v1/authorizations", &text)
	var all []string
	for line := range strings.Lines(text) {
		_, after, ok := strings.Cut(line, `"acquirer":"`)
		if !ok {
			t.Fatalf("no acquirer in %s", line)
		}
		if id, _, _ := strings.Cut(after, `"`); !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// A payment keeps its acquirer: with another acquirer_id in the config, what is queued for it, captures, reversals,
// voids, refunds and clearing go on under the one that it was made with, and find their originals at the issuer.
// New payments go under the new one.
func TestAcquirerChanged(t *testing.T) {
	id := "400001"
	configure := func(c *txswitch.Config) { c.AcquirerID = id }
	s := switchtest.Start(t, switchtest.Options{IssuerData: true, Configure: configure})
	ok := func(r api.Request, code string) api.Answer {
		t.Helper()
		a := s.Do(r)
		wantApproved(t, a, code)
		return a
	}
	reversed, captured := ok(switchtest.Authorize("k1", 1000), "00"), ok(switchtest.Authorize("k2", 2000), "00")
	voided, queued := ok(switchtest.Authorize("k3", 3000), "00"), ok(switchtest.Authorize("k4", 4000), "00")
	sale := switchtest.Authorize("k5", 5000)
	sale.Op = api.OpSale
	sold := ok(sale, "00")
	ok(switchtest.On(api.OpCapture, "k3-c", voided.Payment, 0), "")
	s.AwaitDrained()
	s.StopIssuer()
	ok(switchtest.On(api.OpCapture, "k4-c", queued.Payment, 0), "")
	s.StopSwitch()

	id = "500002"
	s.StartIssuer()
	s.StartSwitch()
	s.AwaitReady()
	ok(switchtest.On(api.OpReverse, "k1-r", reversed.Payment, 0), "00")
	ok(switchtest.On(api.OpIncrement, "k2-i", captured.Payment, 100), "00")
	ok(switchtest.On(api.OpCapture, "k2-c", captured.Payment, 0), "")
	ok(switchtest.On(api.OpVoid, "k3-v", voided.Payment, 0), "00")
	ok(switchtest.On(api.OpRefund, "k5-f", sold.Payment, 1000), "00")
	s.AwaitDrained()
	if got := acquirers(t, s); got != "400001" {
		t.Errorf("the issuer knows the payments under %s", got)
	}
	fresh := ok(switchtest.Authorize("k6", 600), "00")
	ok(switchtest.On(api.OpCapture, "k6-c", fresh.Payment, 0), "")
	s.AwaitDrained()
	if got := acquirers(t, s); got != "400001 500002" {
		t.Errorf("the issuer knows all payments under %s", got)
	}
	s.Operator("POST", "/v1/cutover?wait=60s&ahead=true", nil)
	s.Audit()
	cleared := clearedUnder(t, s)
	if len(cleared) != 5 {
		t.Errorf("%d records are cleared", len(cleared))
	}
	for _, r := range cleared {
		want := "400001"
		if r.rrn == fresh.RRN {
			want = "500002"
		}
		if r.acquirer != want || r.bin != want {
			t.Errorf("%s is cleared under acquirer %s and BIN %s, want %s", r.rrn, r.acquirer, r.bin, want)
		}
	}
}

// cleared is a presentment of a clearing file: its RRN, DE32 and the BIN in DE31.
type cleared struct{ rrn, acquirer, bin string }

// clearedUnder reads the presentments of all clearing files.
func clearedUnder(t *testing.T, s *switchtest.System) (all []cleared) {
	t.Helper()
	var days []struct {
		Data struct {
			Result struct{ Files []struct{ IPM string } }
		}
	}
	s.Operator("GET", "/v1/days", &days)
	for _, day := range days {
		for _, file := range day.Data.Result.Files {
			f, err := s.FS.Open(file.IPM)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			reader, err := clearing.NewReader(f)
			if err != nil {
				t.Fatal(err)
			}
			for {
				r, err := reader.Next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if arn := r.Text(31); arn != "" {
					all = append(all, cleared{rrn: r.Text(37), acquirer: r.Text(32), bin: arn[1:7]})
				}
			}
		}
	}
	return all
}

// journalOfFormat1 is a data folder as it was written before payments recorded their acquirer, under 400001.
const (
	journalOfFormat1 = "testdata/journal-format1"
	keyOfFormat1     = "switchyard-key-1 3b500763 FhQT/qI6+zPWgyeaqgoxursCtTG8r1yGq2Cy87kElZY=\n"
)

// A journal from before payments recorded their acquirer: they go on under the one that it was used with, also when
// the config has another one from the first start of the new program on; what is new goes under that.
func TestJournalOfFormat1(t *testing.T) {
	var mu sync.Mutex
	var sent []string
	address := startScripted(t, func(request, _ *spec.Message) bool {
		mu.Lock()
		defer mu.Unlock()
		line := fmt.Sprintf("%s %s %s", request.MTI(), request.String(4), request.String(32))
		if original := request.String(90); original != "" {
			line += " " + original[:10] + " " + original[20:31]
		}
		sent = append(sent, line)
		return true
	})
	fs := vfs.NewCrashableMem()
	if _, err := vfs.Clone(vfs.Default, fs, journalOfFormat1, "switch"); err != nil {
		t.Fatal(err)
	}
	s := switchtest.Start(t, switchtest.Options{
		IssuerAddr: address, FS: fs, KeyText: keyOfFormat1, Configure: func(c *txswitch.Config) { c.AcquirerID = "500002" },
	})
	s.AwaitReady()
	s.AwaitDrained()
	wantApproved(t, s.Do(switchtest.On(api.OpReverse, "open-reverse", "P10000000001", 0)), "00")
	wantApproved(t, s.Do(switchtest.On(api.OpRefund, "captured-refund", "P10000000003", 500)), "00")
	wantApproved(t, s.Do(switchtest.Authorize("fresh", 900)), "00")
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(sent)
	want := strings.Join([]string{
		"0100 000000000900 500002",
		"0200 000000000500 400001",
		"0221 000000001500 400001 0100000005 00000400001",
		"0400 000000001500 400001 0100000003 00000400001",
		"0421 000000000777 400001 0100000008 00000400001",
	}, "\n")
	if got := strings.Join(sent, "\n"); got != want {
		t.Errorf("the issuer received\n%s\nwant\n%s", got, want)
	}
}
