package audit_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"switchyard/switch/audit"
)

func TestToldAndTrue(t *testing.T) {
	town := newTown()
	for _, o := range town.captured.Ops { // and once more with the others, as a repeat is answered
		town.tell(town.captured, o)
	}
	town.tellAll()
	// What says nothing of an operation.
	town.told = append(town.told,
		`{"request":{"op":"ping"},"answer":{"op":"ping"}}`,
		`{"request":{"op":"capture","key":"k-lost","payment":"P10000000001"},"answer":null}`,
		`{"request":{"op":"capture","key":"k-busy","payment":"P10000000001"},"answer":{"error":{"code":"busy"}}}`,
		`{"request":{"op":"status","payment":"P10000000001"},"answer":{"payment":"P10000000001","approved":true}}`,
		`{"request":{"op":"sale","key":"k-flight","merchant":"SHOP-7"},`+
			`"answer":{"payment":"P1ZZZZZZZZZZ","approved":false,"status":"pending"}}`,
		fmt.Sprintf(`{"request":{"op":"status","key":%q,"merchant":%q},"answer":{"payment":%q,"approved":false,`+
			`"status":"authorized","history":[{"key":"other","state":"approved"},{"key":%q,"state":"pending"}]}}`,
			town.captured.Ops[1].Key, merchantID, town.captured.ID, town.captured.Ops[1].Key),
		`{"request":{"op":"reverse","key":"k-burn","merchant":"SHOP-7","of_key":"k-never"},`+
			`"answer":{"approved":true,"status":"reversed"}}`,
	)
	report := town.run(t)
	if !report.Clean() || report.Told != len(town.told)-1 {
		t.Errorf("%d of %d answers, differences %+v", report.Told, len(town.told), report.Differences)
	}
}

// TestEachToldDifference changes what a gateway was told, or what became of it afterwards.
func TestEachToldDifference(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*town)
		want  []audit.Kind
	}{
		"approved, and the journal does not have it": {func(w *town) {
			p := w.authorize(70, "EUR")
			w.tell(p, p.Ops[0])
			w.forget(p)
			w.drop(p.held)
		}, kinds(audit.ToldMissing)},
		"captured, and the journal does not have it": {func(w *town) {
			o := w.captured.capture(5, tuesday)
			w.tell(w.captured, o)
			w.captured.Ops = w.captured.Ops[:3]
			w.withdraw(o.in)
			h := w.captured.held
			h.Postings, h.Captured, h.Hold = h.Postings[:2], 1100, 900
		}, kinds(audit.ToldMissing)},
		"declined, and approved": {func(w *town) {
			w.tell(w.open, w.open.Ops[0], func(_, a map[string]any) { a["approved"], a["response_code"] = false, "51" })
		}, kinds(audit.ToldOutcome, audit.ToldData)},
		"being reversed, and approved": {func(w *town) {
			w.tell(w.open, w.open.Ops[0], func(_, a map[string]any) { a["approved"], a["response_code"] = false, "" })
		}, kinds(audit.ToldOutcome)},
		"approved, and declined": {func(w *town) {
			w.tell(w.declined, w.declined.Ops[0], func(_, a map[string]any) { a["approved"] = true })
		}, kinds(audit.ToldOutcome, audit.ToldAmount)},
		"approved, and without an outcome": {func(w *town) {
			p := w.begin("authorize", "pending", 900, "EUR")
			w.tell(p, p.Ops[0], func(_, a map[string]any) { a["approved"] = true })
		}, kinds(audit.ToldOutcome, audit.ToldAmount)},
		"approved, and reversed by the switch": {func(w *town) {
			w.tell(w.undone, w.undone.Ops[0], func(_, a map[string]any) { a["approved"] = true })
		}, kinds(audit.ToldReversed, audit.ToldAmount)},
		"approved, and undone while it stands": {func(w *town) {
			w.tell(w.sale, w.sale.Ops[0])
			w.sale.add("timeout_reversal", "approved", 333).Target = 0
		}, kinds(audit.ToldReversed)},
		"another amount": {func(w *town) {
			w.tell(w.open, w.open.Ops[0], func(_, a map[string]any) { a["amount"] = 999 })
		}, kinds(audit.ToldAmount)},
		"another currency": {func(w *town) {
			w.tell(w.open, w.open.Ops[0], func(_, a map[string]any) { a["currency"] = "USD" })
		}, kinds(audit.ToldAmount)},
		"another RRN":  {func(w *town) { w.tellOpen("rrn", "632099999999") }, kinds(audit.ToldData)},
		"another STAN": {func(w *town) { w.tellOpen("stan", "999999") }, kinds(audit.ToldData)},
		"another code": {func(w *town) { w.tellOpen("response_code", "11") }, kinds(audit.ToldData)},
		"another authorization code": {func(w *town) {
			w.tellOpen("auth_code", "XXXXXX")
		}, kinds(audit.ToldData)},
		"another business date": {func(w *town) {
			w.tell(w.uncleared, w.uncleared.Ops[1], func(_, a map[string]any) { a["business_date"] = "2026-11-19" })
		}, kinds(audit.ToldData)},
		"another capture": {func(w *town) {
			w.tell(w.captured, w.captured.Ops[1], func(_, a map[string]any) { a["capture"] = w.captured.ID + "-2" })
		}, kinds(audit.ToldData)},
		"captured, and in no file": {func(w *town) {
			w.tell(w.captured, w.captured.Ops[1])
			w.withdraw(w.captured.Ops[1].in)
		}, kinds(audit.ToldUncleared, audit.PresentmentMissing)},
		"captured, and the journal moved it to another date": {func(w *town) {
			w.tell(w.uncleared, w.uncleared.Ops[1], func(_, a map[string]any) { a["business_date"] = tuesday })
		}, kinds(audit.ToldUncleared, audit.ToldData)},
		"two payments for one key": {func(w *town) {
			w.tell(w.open, w.open.Ops[0])
			w.tell(w.reversed, w.reversed.Ops[0], func(r, _ map[string]any) { r["key"] = w.open.Ops[0].Key })
		}, kinds(audit.ToldTwice, audit.ToldMissing)},
		"two captures for one key": {func(w *town) {
			w.tell(w.captured, w.captured.Ops[1])
			w.tell(w.captured, w.captured.Ops[2], func(r, _ map[string]any) { r["key"] = w.captured.Ops[1].Key })
		}, kinds(audit.ToldTwice)},
		"two outcomes for one key": {func(w *town) {
			w.tell(w.open, w.open.Ops[0])
			w.tell(w.open, w.open.Ops[0], func(_, a map[string]any) { a["approved"], a["response_code"] = false, "51" })
		}, kinds(audit.ToldTwice)},
		"nothing was done under a key, and something was": {func(w *town) {
			w.told = append(w.told, fmt.Sprintf(`{"request":{"op":"reverse","key":"r","merchant":%q,"of_key":%q},`+
				`"answer":{"approved":true,"status":"reversed"}}`,
				merchantID, w.open.Ops[0].Key))
		}, kinds(audit.ToldOutcome)},
	} {
		t.Run(name, func(t *testing.T) {
			town := newTown()
			c.spoil(town)
			report := town.run(t)
			got := slices.Sorted(maps.Keys(report.ByKind))
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("kinds: got %v, want %v\n%+v", got, c.want, report.Differences)
			}
		})
	}
}

// tellOpen tells of the open authorization with one field changed.
func (w *town) tellOpen(field, value string) {
	w.tell(w.open, w.open.Ops[0], func(_, a map[string]any) { a[field] = value })
}

// A payment that changes while the books are read is not held against what was told of it.
func TestToldOfWhatMoves(t *testing.T) {
	town := newTown()
	town.tell(town.open, town.open.Ops[0])
	town.open.Ops[0].State = "declined"
	town.between = func() { town.open.Version++ }
	if report := town.run(t); !report.Clean() {
		t.Errorf("differences %+v", report.Differences)
	}
}

func TestUnreadableToldBooks(t *testing.T) {
	for name, c := range map[string]struct{ line, want string }{
		"no JSON":    {`told`, "gateways' log: line 1: byte"},
		"no request": {`{"answer":{}}`, "gateways' log: line 1: field request.op: missing"},
		"a wrong type": {`{"request":{"op":"sale"},"answer":{"amount":"10.00"}}`,
			"gateways' log: line 1: field answer.amount at byte"},
		"a payment id": {`{"request":{"op":"sale","key":"k"},"answer":{"payment":"7"}}`,
			"gateways' log: line 1: answer: field payment"},
		"a longer RRN": {`{"request":{"op":"sale","key":"k"},"answer":{"payment":"P10000000001","rrn":"6320000000012"}}`,
			"gateways' log: line 1: field answer.rrn"},
		"a capture's id": {`{"request":{"op":"capture","key":"k"},` +
			`"answer":{"payment":"P10000000001","capture":"P10000000001-x"}}`,
			`gateways' log: line 1: answer: "P10000000001-x" is no id of a capture or refund`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.told = []string{c.line}
			if _, err := audit.Run(t.Context(), w.sources(), audit.Options{}); err == nil || !strings.HasPrefix(err.Error(),
				c.want) {
				t.Errorf("error %v, want %s…", err, c.want)
			}
		})
	}
}

// TestRandomToldBooksThatAgree: whatever the histories, what was told and is true is no difference; and an answer of
// another amount is one.
func TestRandomToldBooksThatAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.tellAll()
		if report := w.audit(t); !report.Clean() {
			t.Fatalf("differences in books that agree: %+v", report.Differences)
		}
		if len(w.told) == 0 {
			return
		}
		at := rapid.IntRange(0, len(w.told)-1).Draw(t, "line")
		w.told[at] = strings.Replace(w.told[at], `"rrn":"6`, `"rrn":"7`, 1)
		if report := w.audit(t); report.ByKind[audit.ToldData] != 1 {
			t.Fatalf("differences %+v, want one of another RRN", report.Differences)
		}
	})
}

// TestRangeOfDates: the books of one business date, and what it cannot say.
func TestRangeOfDates(t *testing.T) {
	run := func(town *town, from, to string) *audit.Report {
		t.Helper()
		all := town.payments
		town.payments = town.clearing(from, to)
		report, err := audit.Run(context.Background(), town.sources(), audit.Options{Acquirer: acquirer, From: from, To: to})
		town.payments = all
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	for _, c := range []struct {
		from, to                        string
		payments, files, records, apart int
	}{
		{monday, monday, 3, 1, 3, 0}, {tuesday, tuesday, 7, 1, 8, 0}, {monday, tuesday, 8, 2, 11, 0}, {wednesday, wednesday,
			1, 0, 0, 1},
	} {
		town := newTown()
		town.tellAll()
		report := run(town, c.from, c.to)
		if !report.Clean() || report.Payments != c.payments || report.Files != c.files ||
			report.Presentments != c.records || report.NotCleared.Count != c.apart {
			t.Errorf("%s to %s: %d payments, %d files, %d records, %d not cleared, differences %+v; want %+v", c.from, c.to,
				report.Payments,
				report.Files, report.Presentments, report.NotCleared.Count, report.Differences, c)
		}
	}
	// What is wrong within it is seen.
	for name, c := range map[string]struct {
		spoil func(*town)
		want  audit.Kind
	}{
		"a capture in no file":     {func(w *town) { w.withdraw(w.captured.Ops[1].in) }, audit.PresentmentMissing},
		"another amount in a file": {func(w *town) { w.sale.Ops[0].in.AmountMinor = 334 }, audit.PresentmentAmount},
		"a stranger in a file": {func(w *town) { w.copyTo(w.captured.Ops[1].in, tuesday).ARN = w.arn() },
			audit.PresentmentUnknown},
		"a posting of another date": {func(w *town) { w.sale.Ops[0].posted.BusinessDate = "1231" }, audit.PostingData},
		"a hold without an owner":   {func(w *town) { w.captured.held.Hold++ }, audit.HoldUnowned},
		"captured, and not known": {func(w *town) {
			w.tell(w.sale, w.sale.Ops[0], func(r,
				_ map[string]any) {
				r["key"] = "other"
			})
		}, audit.ToldMissing},
	} {
		town := newTown()
		c.spoil(town)
		if report := run(town, tuesday, tuesday); report.ByKind[c.want] != 1 {
			t.Errorf("%s: %+v, want %s", name, report.Differences, c.want)
		}
	}
	// What lies outside is not.
	town := newTown()
	town.settled.Ops[1].in.AmountMinor++
	town.drop(town.open.held)
	town.drop(town.uncleared.held)
	if report := run(town, tuesday, tuesday); !report.Clean() {
		t.Errorf("differences %+v of what is not asked for", report.Differences)
	}
	for _, o := range []audit.Options{{From: tuesday}, {To: tuesday}, {From: tuesday, To: monday}, {From: "17.11.2026",
		To: tuesday}} {
		if _, err := audit.Run(t.Context(), town.sources(), o); err == nil || !strings.HasPrefix(err.Error(),
			"range of business dates: ") {
			t.Errorf("range %s to %s: error %v", o.From, o.To, err)
		}
	}
}
