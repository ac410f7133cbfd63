package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"switchyard/switch/audit"
)

// town is a world with each kind of payment, by name.
type town struct {
	*world
	open, captured, incremented, reversed, refunded, voided, takenBack, final       *payment
	sale, voidedSale, voice, declined, failed, undone, verified, settled, uncleared *payment
	credit                                                                          *payment
}

func newTown() *town {
	w := newWorld()
	t := &town{world: w}
	t.settled = w.authorize(4000, "EUR")
	t.settled.capture(4000, monday)
	t.refunded = w.authorize(900, "JPY")
	t.refunded.capture(900, monday)
	t.refunded.refund(300, tuesday)
	t.takenBack = w.authorize(700, "EUR")
	t.takenBack.capture(700, monday)
	t.takenBack.voidSealed(t.takenBack.Ops[1], tuesday)
	w.settle(monday)

	t.open = w.authorize(1000, "EUR")
	t.captured = w.authorize(2000, "EUR")
	t.captured.capture(500, tuesday)
	t.captured.capture(600, tuesday)
	t.incremented = w.authorize(1000, "EUR")
	t.incremented.increment(250)
	t.reversed = w.authorize(1500, "EUR")
	t.reversed.reverse("reverse", 500)
	t.reversed.reverse("reverse", 1000)
	t.voided = w.authorize(800, "EUR")
	t.voided.void(t.voided.capture(800, tuesday))
	t.final = w.authorize(1200, "EUR")
	t.final.capture(200, tuesday)
	t.final.reverse("release", 1000)
	t.sale = w.sale(333, "EUR", tuesday)
	t.voidedSale = w.sale(444, "EUR", tuesday)
	t.voidedSale.void(t.voidedSale.Ops[0])
	t.voice = w.voice(555, "EUR", tuesday)
	t.credit = w.credit(222, "EUR", tuesday)
	t.declined = w.begin("authorize", "declined", 600, "EUR")
	t.failed = w.begin("authorize", "failed", 600, "EUR")
	t.undone = w.undone(610, "EUR", true)
	w.undone(620, "EUR", false)
	t.verified = w.begin("verify", "approved", 0, "EUR")
	t.uncleared = w.authorize(50, "EUR")
	t.uncleared.capture(50, wednesday)
	return t
}

func TestBooksThatAgree(t *testing.T) {
	town := newTown()
	report := town.run(t)
	if !report.Clean() {
		t.Fatalf("differences in books that agree: %+v", report.Differences)
	}
	want := "EUR net authorized 10000/10000 held 3950/3950 captured 6938/6938/6888 refunded 222/222/222 " +
		"taken back 700/0/700; JPY net authorized 900/900 captured 900/900/900 refunded 300/300/300"
	if got := totalsLine(report); got != want {
		t.Errorf("totals:\n got %s\nwant %s", got, want)
	}
	if report.NotCleared.Count != 1 || report.InFlight.Count != 0 || report.Decided.Count != 0 {
		t.Errorf(
			"apart: %d not cleared, %d in flight, %d decided; want 1, 0, 0", report.NotCleared.Count, report.InFlight.Count,
			report.Decided.Count,
		)
	}
}

// totalsLine is the money of the totals as switch/issuer/clearing.
func totalsLine(r *audit.Report) string {
	var b strings.Builder
	currency := ""
	for _, total := range r.Totals {
		if total.Currency != currency {
			if currency != "" {
				b.WriteString("; ")
			}
			currency = total.Currency
			b.WriteString(currency)
		}
		fmt.Fprintf(&b, " %s %d/%d", total.Item, total.Switch.Minor, total.Issuer.Minor)
		if total.Clearing != nil {
			fmt.Fprintf(&b, "/%d", total.Clearing.Minor)
		}
	}
	return b.String()
}

// TestEachDifference spoils one thing in one book and expects the audit to name just that.
func TestEachDifference(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*town)
		want  []audit.Kind
	}{
		// The journal by itself.
		"a target that does not exist": {func(w *town) { w.voided.Ops[2].Target = 9 }, kinds(audit.History)},
		"an unknown state":             {func(w *town) { w.open.Ops[0].State = "lost" }, kinds(audit.History)},
		"an increment of a sale":       {func(w *town) { w.sale.add("increment", "declined", 5) }, kinds(audit.History)},
		"captured beyond authorized": {func(w *town) {
			w.captured.Ops[1].Amount, w.captured.Ops[1].posted.Amount, w.captured.Ops[1].in.AmountMinor = 1500, 1500, 1500
			w.captured.held.Captured, w.captured.held.Hold = 2100, 0
		}, kinds(audit.Invariant, audit.HoldUnowned)},
		"captured after a full reversal": {func(w *town) {
			w.reversed.capture(0, wednesday)
		}, kinds(audit.Invariant)},
		"refunded beyond captured": {func(w *town) {
			o := w.refunded.Ops[2]
			o.Amount, o.Granted, o.posted.Amount, o.in.AmountMinor = 901, 901, 901, 901
		}, kinds(audit.Invariant)},
		"an unknown outcome without a reversal": {
			func(w *town) { w.undone.Ops = w.undone.Ops[:1] }, kinds(audit.ReversalDue),
		},
		"two reversals of one request": {func(w *town) {
			w.undone.add("timeout_reversal", "approved", 610).Target = 0
		}, kinds(audit.ReversalDue)},
		"a reversal of what was approved finds nothing": {func(w *town) {
			w.reversed.Ops[2].ResponseCode = "25"
		}, kinds(audit.ReversalEnded)},
		"a void of what was approved finds nothing": {func(w *town) {
			w.voidedSale.Ops[1].ResponseCode = "21"
		}, kinds(audit.ReversalEnded)},
		"a release of what was approved finds nothing": {func(w *town) {
			w.final.Ops[2].ResponseCode = "25"
		}, kinds(audit.ReversalEnded)},
		"what a window gave up of a payment with captures finds nothing": {func(w *town) {
			w.final.Ops[2].Op, w.final.Ops[2].ResponseCode = "expire", "25"
		}, kinds(audit.ReversalEnded)},
		"an undo of what was approved late finds nothing": {func(w *town) {
			w.undone.Ops[0].Late, w.undone.Ops[1].ResponseCode = "00", "25"
		}, kinds(audit.ReversalEnded)},
		"an undo of nothing finds nothing": {
			func(w *town) { w.undone.Ops[1].ResponseCode = "25" }, kinds(),
		},
		"the undo of what was approved late is acknowledged": {func(w *town) { w.undone.Ops[0].Late = "00" }, kinds()},

		"an RRN given twice": {func(w *town) { w.declined.Ops[0].RRN = w.failed.Ops[0].RRN }, kinds(audit.RRNTwice)},
		"a STAN given twice": {func(w *town) { w.declined.Ops[0].STAN = w.failed.Ops[0].STAN }, kinds(audit.STANTwice)},
		"an ARN given twice": {func(w *town) {
			o, other := w.uncleared.Ops[1], w.voided.Ops[1]
			o.ARN, o.posted.ARN, o.in.ARN = other.ARN, other.ARN, other.ARN
		}, kinds(audit.ARNTwice)},
		"a wrong Luhn digit": {func(w *town) {
			o := w.uncleared.Ops[1]
			last := o.ARN[22:]
			o.ARN = o.ARN[:22] + string('0'+(last[0]-'0'+1)%10)
			o.posted.ARN = o.ARN
		}, kinds(audit.ARNInvalid)},
		"a key used twice":  {func(w *town) { w.declined.Ops[0].Key = w.failed.Ops[0].Key }, kinds(audit.KeyTwice)},
		"a parked advice":   {func(w *town) { w.captured.Ops[1].State = "parked" }, kinds(audit.AdviceDenied)},
		"a parked reversal": {func(w *town) { w.undone.Ops[1].State = "parked" }, kinds(audit.AdviceDenied)},

		// Journal and issuer.
		"an authorization that the issuer lost": {func(w *town) { w.drop(w.open.held) }, kinds(audit.MissingAtIssuer)},
		"a sale that the issuer lost":           {func(w *town) { w.drop(w.sale.held) }, kinds(audit.MissingAtIssuer)},
		"a refund that the issuer lost": {
			func(w *town) { w.drop(w.holding(w.refunded.Ops[2].RRN)) }, kinds(audit.MissingAtIssuer),
		},
		"a credit that the issuer lost":        {func(w *town) { w.drop(w.credit.held) }, kinds(audit.MissingAtIssuer)},
		"a voice capture that the issuer lost": {func(w *town) { w.drop(w.voice.held) }, kinds(audit.PostingMissing)},
		"an increment that the issuer lost": {func(w *town) {
			h := w.incremented.held
			h.Increments, h.Authorized, h.Hold = nil, 1000, 1000
		}, kinds(audit.MissingAtIssuer, audit.IssuerAmount, audit.HoldShort)},
		"an authorization that the journal lost": {func(w *town) { w.forget(w.open) }, kinds(audit.UnknownToSwitch)},
		"a refund that the journal lost": {func(w *town) {
			w.withdraw(w.refunded.Ops[2].in)
			w.refunded.Ops = w.refunded.Ops[:2]
		}, kinds(audit.UnknownToSwitch)},
		"an increment that the journal lost": {func(w *town) {
			w.incremented.Ops = w.incremented.Ops[:1]
		}, kinds(audit.UnknownToSwitch, audit.IssuerAmount, audit.HoldUnowned)},
		"declined, and held": {
			func(w *town) { w.declined.hold(w.declined.Ops[0], "authorization").Hold = 1 }, kinds(audit.HeldUnapproved),
		},
		"never sent, and held": {
			func(w *town) { w.failed.hold(w.failed.Ops[0], "authorization") }, kinds(audit.HeldUnapproved),
		},
		"reversed, and held": {
			func(w *town) { w.undone.held.Authorized, w.undone.held.Hold = 610, 610 }, kinds(audit.HeldUnapproved),
		},
		"a verification that holds": {func(w *town) {
			w.verified.hold(w.verified.Ops[0], "authorization").Hold = 1
		}, kinds(audit.HeldUnapproved)},
		"a declined increment that was added": {func(w *town) {
			w.incremented.Ops[1].State, w.incremented.Ops[1].Granted = "declined", 0
			w.incremented.held.Authorized, w.incremented.held.Hold = 1000, 1000
		}, kinds(audit.HeldUnapproved)},
		"another amount authorized": {func(w *town) {
			w.open.Ops[0].Amount, w.open.Ops[0].Granted = 999, 999
		}, kinds(audit.IssuerAmount, audit.HoldUnowned)},
		"another currency":           {func(w *town) { w.open.held.Currency = "JPY" }, kinds(audit.IssuerCurrency)},
		"another response code":      {func(w *town) { w.open.held.ResponseCode = "11" }, kinds(audit.IssuerResponse)},
		"another authorization code": {func(w *town) { w.open.held.AuthCode = "XXXXXX" }, kinds(audit.IssuerAuthCode)},
		"another card":               {func(w *town) { w.open.held.PAN = "400000******9999" }, kinds(audit.IssuerData)},
		"another merchant":           {func(w *town) { w.sale.held.Merchant = "SHOP-8" }, kinds(audit.IssuerData)},
		"another STAN":               {func(w *town) { w.sale.held.STAN = "999999" }, kinds(audit.IssuerData)},
		"another kind of line":       {func(w *town) { w.sale.held.Kind = "voice" }, kinds(audit.IssuerData)},
		"another payment's refund": {
			func(w *town) { w.holding(w.refunded.Ops[2].RRN).FirstRRN = w.open.Ops[0].RRN }, kinds(audit.IssuerData),
		},
		"a voice capture's auth code": {func(w *town) { w.voice.held.AuthCode = "XXXXXX" }, kinds(audit.IssuerAuthCode)},
		"captured is not what the postings say": {func(w *town) {
			w.final.held.Captured--
		}, kinds(audit.IssuerSums)},
		"a hold without an owner": {func(w *town) {
			w.reversed.held.Authorized, w.reversed.held.Hold = 10, 10
		}, kinds(audit.IssuerAmount, audit.HoldUnowned)},
		"a hold too small": {func(w *town) { w.open.held.Hold-- }, kinds(audit.HoldShort, audit.IssuerSums)},
		"a capture that was not posted": {func(w *town) {
			h := w.captured.held
			h.Postings, h.Captured, h.Hold = h.Postings[:1], 500, 1500
		}, kinds(audit.PostingMissing, audit.HoldUnowned)},
		"a capture posted twice": {func(w *town) {
			h := w.captured.held
			again := *h.Postings[1]
			h.Postings, h.Captured, h.Hold = append(h.Postings, &again), 1700, 300
		}, kinds(audit.PostingTwice, audit.HoldShort)},
		"a refund posted twice": {func(w *town) {
			h := w.holding(w.refunded.Ops[2].RRN)
			again := *h.Postings[0]
			again.Number = "2"
			h.Postings = append(h.Postings, &again)
		}, kinds(audit.PostingTwice)},
		"a posting without a capture": {func(w *town) {
			h := w.captured.held
			h.Postings = append(h.Postings, &posting{Number: "7", Amount: 5, State: "reversed"})
		}, kinds(audit.PostingUnknown)},
		"another amount posted": {func(w *town) {
			h := w.captured.held
			h.Postings[0].Amount, h.Captured, h.Hold = 499, 1099, 901
		}, kinds(audit.PostingAmount, audit.HoldUnowned)},
		"a credit posted as a debit": {func(w *town) { w.credit.Ops[0].posted.Credit = false }, kinds(audit.PostingSign)},
		"a credit posted of another amount": {func(w *town) {
			w.credit.Ops[0].posted.Amount = 221
		}, kinds(audit.PostingAmount)},
		"a credit that is a sale at the issuer": {func(w *town) { w.credit.held.Kind = "sale" }, kinds(audit.IssuerData)},
		"a declined credit is posted": {
			func(w *town) { w.decline(w.credit.Ops[0]) }, kinds(audit.HeldUnapproved, audit.PresentmentDenied),
		},
		"a credit that is captured": {func(w *town) {
			w.credit.add("capture", "declined", 1)
		}, kinds(audit.History)},
		"a credit that is voided": {func(w *town) {
			w.credit.add("void", "declined", 222).Target = 0
		}, kinds(audit.History)},
		"a credit that is refunded": {func(w *town) {
			o := w.credit.add("refund", "approved", 222)
			h := w.credit.hold(o, "refund")
			h.FirstRRN = w.credit.Ops[0].RRN
			w.credit.clear(o, h, 1, tuesday)
		}, kinds(audit.Invariant)},
		"a sale posted as a credit": {func(w *town) { w.sale.Ops[0].posted.Credit = true }, kinds(audit.PostingSign)},
		"posted under another ARN":  {func(w *town) { w.sale.Ops[0].posted.ARN = w.arn() }, kinds(audit.PostingData)},
		"posted on another date": {
			func(w *town) { w.sale.Ops[0].posted.BusinessDate = "1231" }, kinds(audit.PostingData),
		},
		"a posting reversed": {
			func(w *town) { w.sale.Ops[0].posted.State = "reversed" }, kinds(audit.PostingReversed),
		},
		"a voided posting stands": {
			func(w *town) { w.voidedSale.Ops[0].posted.State = "unsettled" }, kinds(audit.PostingStands),
		},
		"the ledger is off": {func(w *town) { w.ledger.Balanced = false }, kinds(audit.LedgerUnbalanced)},
		"the ledger is off in JPY": {
			func(w *town) { w.ledger.Currencies["JPY"] = account{} }, kinds(audit.LedgerUnbalanced),
		},
		"settled by an unknown file": {
			func(w *town) { w.settled.Ops[1].posted.SettledFile = fileID(wednesday).String() }, kinds(audit.Settlement),
		},
		"settled by the wrong file": {func(w *town) {
			w.sale.Ops[0].posted.State, w.sale.Ops[0].posted.SettledFile = "settled", fileID(monday).String()
		}, kinds(audit.Settlement)},
		"presented, and not settled": {func(w *town) {
			w.settled.Ops[1].posted.State, w.settled.Ops[1].posted.SettledFile = "unsettled", ""
		}, kinds(audit.Settlement)},
		"an RRN twice at the issuer": {
			func(w *town) { w.holdings = append(w.holdings, w.open.held) }, kinds(audit.RRNTwice),
		},
		"a declined refund is posted": {
			func(w *town) { w.decline(w.refunded.Ops[2]) }, kinds(audit.HeldUnapproved, audit.PresentmentDenied),
		},

		// Journal and files.
		"a capture in no file": {func(w *town) { w.withdraw(w.captured.Ops[1].in) }, kinds(audit.PresentmentMissing)},
		"a refund in no file":  {func(w *town) { w.withdraw(w.refunded.Ops[2].in) }, kinds(audit.PresentmentMissing)},
		"a credit in no file":  {func(w *town) { w.withdraw(w.credit.Ops[0].in) }, kinds(audit.PresentmentMissing)},
		"a credit that debits in a file": {func(w *town) {
			w.credit.Ops[0].in.Credit, w.credit.Ops[0].in.ChipData = false, []byte{0x9f, 0x27, 0x01}
		}, kinds(audit.PresentmentSign, audit.PresentmentData)},
		"a whole file gone": {func(w *town) {
			for _, o := range []*op{
				w.refunded.Ops[2], w.takenBack.Ops[2], w.captured.Ops[1], w.captured.Ops[2], w.final.Ops[1], w.sale.Ops[0],
				w.voice.Ops[1], w.credit.Ops[0],
			} {
				w.withdraw(o.in)
			}
		}, kinds(audit.PresentmentMissing, audit.ReversalMissing)},
		"a capture twice in a file": {func(w *town) { w.presentments = append(w.presentments, w.captured.Ops[1].in) },
			kinds(audit.PresentmentTwice)},
		"a capture in two files": {func(w *town) { w.copyTo(w.captured.Ops[1].in, monday) },
			kinds(audit.PresentmentTwice, audit.PresentmentDate, audit.Settlement)},
		"a reversal twice": {func(w *town) { w.presentments = append(w.presentments, w.takenBack.Ops[2].in) },
			kinds(audit.PresentmentTwice)},
		"a stranger in a file": {func(w *town) { w.copyTo(w.captured.Ops[1].in, tuesday).ARN = w.arn() },
			kinds(audit.PresentmentUnknown)},
		"a reversal that nobody made": {func(w *town) {
			w.copyTo(w.captured.Ops[1].in,
				tuesday).ReversalOf = dayOf(tuesday)
		}, kinds(audit.PresentmentUnknown)},
		"a declined refund in a file": {func(w *town) {
			w.decline(w.refunded.Ops[2])
			w.drop(w.holding(w.refunded.Ops[2].RRN))
		}, kinds(audit.PresentmentDenied)},
		"a voided capture in a file": {func(w *town) { w.presentments = append(w.presentments, w.voided.Ops[1].in) },
			kinds(audit.PresentmentVoided)},
		"another amount in a file": {func(w *town) { w.sale.Ops[0].in.AmountMinor = 334 }, kinds(audit.PresentmentAmount)},
		"another currency in a file": {func(w *town) { w.sale.Ops[0].in.Currency = "JPY" },
			kinds(audit.PresentmentCurrency)},
		"a credit in a file": {func(w *town) { w.sale.Ops[0].in.Credit = true }, kinds(audit.PresentmentSign)},
		"another card in a file": {func(w *town) { w.sale.Ops[0].in.PAN = "4111111111111111" },
			kinds(audit.PresentmentData)},
		"another RRN in a file": {func(w *town) { w.sale.Ops[0].in.RRN = w.rrn() }, kinds(audit.PresentmentData)},
		"another auth code in a file": {func(w *town) { w.captured.Ops[2].in.AuthCode = "B00000" },
			kinds(audit.PresentmentData)},
		"another merchant in a file": {func(w *town) { w.sale.Ops[0].in.Merchant = "SHOP-8" }, kinds(audit.PresentmentData)},
		"the file of another date": {func(w *town) { w.sale.Ops[0].in.date = monday }, kinds(audit.PresentmentDate,
			audit.Settlement)},
		"no file takes it back": {func(w *town) { w.withdraw(w.takenBack.Ops[2].in) }, kinds(audit.ReversalMissing)},
		"another amount taken back": {func(w *town) { w.takenBack.Ops[2].in.AmountMinor = 699 },
			kinds(audit.PresentmentAmount)},
		"taken back on another date": {func(w *town) { w.takenBack.Ops[2].in.date = monday }, kinds(audit.PresentmentDate)},
		"takes back another date's": {func(w *town) { w.takenBack.Ops[2].in.ReversalOf = dayOf(wednesday) },
			kinds(audit.PresentmentData)},
		"a trailer with another sum":   {func(w *town) { w.replace("0301016", "9", 1) }, kinds(audit.FileTotals)},
		"a trailer with another count": {func(w *town) { w.replace("0306008", "9", 1) }, kinds(audit.FileTotals)},
		"a trailer with another id":    {func(w *town) { w.replace("0105025", "9", -1) }, kinds(audit.FileTotals)},
		"a file without its trailer":   {func(w *town) { w.cut(4 + 4) }, kinds(audit.FileUnreadable)},
		"an id of two files":           {func(w *town) { w.again = []string{tuesday} }, kinds(audit.FileTwice)},
		"a file that is no such file": {func(w *town) {
			w.again = []string{wednesday}
			w.mangle = func(date string, file []byte) []byte {
				if date == wednesday {
					return file[:0]
				}
				return file
			}
		}, kinds(audit.FileUnreadable)},
		"a sale missing in journal too": {
			func(w *town) { w.forget(w.sale) }, kinds(audit.UnknownToSwitch, audit.PresentmentUnknown),
		},
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

func kinds(k ...audit.Kind) []audit.Kind { return k }

// The ways of spoiling a book.

func (w *world) drop(h *holding) {
	w.holdings = slices.DeleteFunc(w.holdings, func(other *holding) bool { return other == h })
}

func (w *world) forget(p *payment) {
	w.payments = slices.DeleteFunc(w.payments, func(other *payment) bool { return other == p })
}

func (w *world) holding(rrn string) *holding {
	for _, h := range w.holdings {
		if h.RRN == rrn {
			return h
		}
	}
	return nil
}

func (w *world) decline(o *op) { o.State, o.Granted, o.ResponseCode = "declined", 0, "51" }

func (w *world) copyTo(in *presentment, date string) *presentment {
	again := *in
	again.date = date
	w.presentments = append(w.presentments, &again)
	return &again
}

// replace overwrites what follows the first (which 1) or last (-1) occurrence of a tag and length in tuesday's file.
func (w *world) replace(after, with string, which int) {
	w.mangle = func(date string, file []byte) []byte {
		if date != tuesday {
			return file
		}
		at := bytes.Index(file, []byte(after))
		if which < 0 {
			at = bytes.LastIndex(file, []byte(after))
		}
		copy(file[at+len(after):], with)
		return file
	}
}

// cut takes the trailer away: the file ends where its record begins.
func (w *world) cut(before int) {
	w.mangle = func(date string, file []byte) []byte {
		if date != tuesday {
			return file
		}
		at := bytes.LastIndex(file, []byte("1644"))
		return append(file[:at-before+4:at-before+4], 0, 0, 0, 0)
	}
}

func TestInFlightIsApart(t *testing.T) {
	for name, spoil := range map[string]func(*town){
		"a capture whose advice waits": func(w *town) {
			w.uncleared.Ops[1].State = "queued"
			h := w.uncleared.held
			h.Postings, h.Captured, h.Hold = nil, 0, 50
		},
		"a request at the issuer": func(w *town) { w.begin("authorize", "pending", 900, "EUR") },
		"a request that the issuer has approved": func(w *town) {
			p := w.begin("authorize", "pending", 900, "EUR")
			p.hold(p.Ops[0], "authorization").Authorized = 900
		},
		"a reversal on its way": func(w *town) {
			w.undone.Ops[1].State = "queued"
			w.undone.held.Authorized, w.undone.held.Hold = 610, 610
		},
		"a payment that moved while the books were read": func(w *town) {
			h := w.open.held
			w.open.increment(5)
			h.Increments, h.Authorized, h.Hold = nil, 1000, 1000
			w.open.Version--
			w.between = func() { w.open.Version++ }
		},
		"a payment that began while the books were read": func(w *town) {
			p := w.authorize(70, "EUR")
			w.forget(p)
			w.between = func() { w.payments = append(w.payments, p) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			town := newTown()
			spoil(town)
			report := town.run(t)
			if !report.Clean() {
				t.Errorf("differences: %+v", report.Differences)
			}
			if report.InFlight.Count != 1 {
				t.Errorf("%d in flight, want 1", report.InFlight.Count)
			}
		})
	}
}

func TestDecidedIsApart(t *testing.T) {
	town := newTown()
	town.captured.Ops[1].State = "closed"
	h := town.captured.held
	h.Postings, h.Captured, h.Hold = h.Postings[1:], 600, 1400
	report := town.run(t)
	if !report.Clean() || report.Decided.Count != 1 {
		t.Errorf("%d decided, differences %+v; want 1 and none", report.Decided.Count, report.Differences)
	}
}

// A day without files is not yet cleared; with one of its files there and no word of the switch's it counts as cleared.
func TestWhichDatesAreCleared(t *testing.T) {
	town := newTown()
	town.withdraw(town.sale.Ops[0].in)
	src := town.sources()
	src.Days = nil
	report, err := audit.Run(t.Context(), src, audit.Options{Acquirer: acquirer})
	if err != nil {
		t.Fatal(err)
	}
	if report.ByKind[audit.PresentmentMissing] != 1 || report.DifferenceCount != 1 {
		t.Errorf("differences: %+v, want one %s", report.Differences, audit.PresentmentMissing)
	}
	town.written = []string{monday}
	report = town.run(t)
	if !report.Clean() || report.NotCleared.Count != 9 {
		t.Errorf("%d not cleared, differences %+v; want 9 and none", report.NotCleared.Count, report.Differences)
	}
}

// Switches that share an acquirer id are told apart by the number in their RRNs.
func TestOtherNodesAreLeftOut(t *testing.T) {
	town := newTown()
	p := town.authorize(70, "EUR")
	town.forget(p)
	ours := p.held.RRN[4]
	p.held.RRN = p.held.RRN[:4] + "Z" + p.held.RRN[5:]
	for _, c := range []struct {
		node  uint32
		clean bool
	}{{uint32(ours - '0'), true}, {35, false}} {
		report, err := audit.Run(t.Context(), town.sources(), audit.Options{Acquirer: acquirer, Node: &c.node})
		if err != nil {
			t.Fatal(err)
		}
		if report.Clean() != c.clean || c.clean == (report.ByKind[audit.UnknownToSwitch] > 0) {
			t.Errorf("node %d: differences: %+v", c.node, report.Differences)
		}
	}
	no := uint32(36)
	if _, err := audit.Run(t.Context(), town.sources(), audit.Options{Node: &no}); err == nil {
		t.Error("node 36 is taken")
	}
}

func TestOtherAcquirersAreLeftOut(t *testing.T) {
	town := newTown()
	p := town.authorize(70, "EUR")
	town.forget(p)
	p.held.Acquirer = "499999"
	if report := town.run(t); !report.Clean() {
		t.Errorf("differences: %+v", report.Differences)
	}
}

func TestKeysAreFreeAgainAfterTheirTime(t *testing.T) {
	town := newTown()
	town.declined.Ops[0].Key = town.open.Ops[0].Key
	town.declined.Ops[0].At = town.open.Ops[0].At.AddDate(0, 0, 36)
	if report := town.run(t); !report.Clean() {
		t.Errorf("differences: %+v", report.Differences)
	}
}

func TestDifferencesAreCountedBeyondTheLimit(t *testing.T) {
	w := newWorld()
	for range 10 {
		w.drop(w.authorize(100, "EUR").held)
	}
	report, err := audit.Run(t.Context(), w.sources(), audit.Options{Limit: 3})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Differences) != 3 || report.DifferenceCount != 10 || report.ByKind[audit.MissingAtIssuer] != 10 {
		t.Errorf("%d held, %d counted, %v; want 3 of 10", len(report.Differences), report.DifferenceCount, report.ByKind)
	}
}

// A book that cannot be read as a whole is an error, never a smaller book.
func TestUnreadableBooks(t *testing.T) {
	const id = `"payment":"P10000000001","version":1,`
	for name, c := range map[string]struct{ text, want string }{
		"cut off":         {`{` + id + `"ops":[]}`, "journal: line 1: unexpected EOF"},
		"no JSON":         {"{" + id + "\n", "journal: line 1: byte"},
		"a wrong type":    {`{` + id + `"pan":4000001234567899}` + "\n", "journal: line 1: field pan at byte"},
		"a payment id":    {`{"payment":"P1"}` + "\n", `journal: line 1: field payment: "P1"`},
		"a line too long": {strings.Repeat("x", 2<<20) + "\n", "journal: line 1: bufio.Scanner: token too long"},
	} {
		t.Run(name, func(t *testing.T) {
			src := newWorld().sources()
			src.Switch = text(c.text)
			_, err := audit.Run(t.Context(), src, audit.Options{})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("error %v, want %s…", err, c.want)
			}
			if strings.Contains(err.Error(), "4000001234567899") {
				t.Errorf("the error holds a card number: %v", err)
			}
		})
	}
	for name, c := range map[string]struct{ text, want string }{
		"a kind": {`{"kind":"gift","rrn":"632000000001"}` + "\n", `issuer's authorizations: line 1: field kind: "gift"`},
		"a state": {`{"kind":"sale","rrn":"632000000001","postings":[{"state":"gone"}]}` +
			"\n", `issuer's authorizations: line 1: field postings.state: "gone"`},
		"a number": {`{"kind":"sale","rrn":"632000000001","postings":[{"state":"settled","number":"x"}]}` +
			"\n", `issuer's authorizations: line 1: field postings.number`},
		"a long id": {`{"kind":"sale","rrn":"6320000000012"}` +
			"\n", "issuer's authorizations: line 1: field rrn: 13 characters"},
	} {
		t.Run("issuer: "+name, func(t *testing.T) {
			src := newWorld().sources()
			src.Authorizations = audit.Whole(text(c.text))
			if _, err := audit.Run(t.Context(), src, audit.Options{}); err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Fatalf("error %v, want %s…", err, c.want)
			}
		})
	}
}

func text(s string) audit.Open {
	return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}

func TestReportInWords(t *testing.T) {
	town := newTown()
	town.drop(town.open.held)
	town.begin("authorize", "pending", 900, "EUR")
	var b strings.Builder
	if err := town.run(t).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"20 payments, 1 of them in flight",
		"ledger balanced",
		"2 files with 11 presentments; 1 not yet cleared",
		"EUR net authorized",
		"in flight: 1 (9.00 EUR)",
		"not yet cleared: 1 (0.50 EUR)",
		"differences: 1\n",
		"missing_at_issuer",
		"authorize approved with 1000, the issuer has nothing",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(b.String(), town.open.number) {
		t.Error("the report holds a card number")
	}
	if t.Failed() {
		t.Log(b.String())
	}
}

// A currency that has other letters by now: each book says it as it did, and they agree.
func TestCurrencyThatIsNoMore(t *testing.T) {
	town := newTown()
	for _, held := range []string{"ANG", "XCG"} { // the issuer reads the digits, then and now
		p := town.authorize(700, "ANG")
		p.capture(700, tuesday)
		p.held.Currency = held
		town.tell(p, p.Ops[0])
	}
	report := town.run(t)
	if !report.Clean() {
		t.Errorf("differences %+v", report.Differences)
	}
}
