package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/localday"
	"switchyard/internal/vfs"
	"switchyard/internal/workday"
	"switchyard/switch/clearing"
	"switchyard/switch/incoming"
	"switchyard/switch/operator"
	"switchyard/switch/operator/client"
	"switchyard/switch/payment"
	"switchyard/switch/settlement"
	"switchyard/switch/settlement/folder"
)

// The days that follow the first. Nothing is passed by hand: the issuer, as the clearing system, watches the switch's
// clearing folder and writes its answers into the folder that the switch watches.
//
//	day 1  files go out ─▶ some records are rejected, the others settled; some are charged back
//	day 2  rejects are put right, chargebacks represented or accepted ─▶ files go out ─▶ they are settled
//	day 3  each presentment is where it should be, statements add up to the files, the books are audited once more

// daysUntilSettled is how many days it takes.
const daysUntilSettled = 3

// What the clearing system does not take: presentments of one category from some amount on. No rule knows the category
// that they are corrected to.
const (
	refusedMCC   = "5814"
	refusedFrom  = 2000 // minor units
	correctedMCC = "5812"
	refusedRule  = "clearing:\n  - name: not taken\n    when: {category: [%q], amount: {from: %d}}\n" +
		"    reject: {element: 26, code: \"0150\"}\n"
	representedFor  = "2700" // DE25 of a second presentment
	chargedBackEach = 40     // purchases: one of so many is
	chargedBackMost = 500    // in all
)

// plan is what merchants are paid by.
const plan = `acquirer: The demo's acquirer
payout_days: 1
calendars:
  - {weekend: [], until: 2099-12-31}
default_plan: standard
fee_plans:
  - name: standard
    fees:
      - {percent: 1.2}
`

// answerLimit is how long issuer and switch may take to find and take what stands in their folders.
const answerLimit = 2 * time.Minute

// SettlementFigures are what became of the first day's presentments.
type SettlementFigures struct {
	Rejected    int               `json:"rejected"` // by the clearing system: corrected and presented again
	ChargedBack int               `json:"charged_back"`
	Represented int               `json:"represented"` // of them; the others are accepted
	Settled     int               `json:"settled"`
	Currencies  []CurrencyFigures `json:"currencies"` // of all merchants' statements
}

// CurrencyFigures are statements' sums in minor units.
type CurrencyFigures struct {
	Currency         string `json:"currency"`
	GrossMinor       int64  `json:"gross_minor"`
	RefundsMinor     int64  `json:"refunds_minor"`
	RejectedMinor    int64  `json:"rejected_minor"`
	ChargebacksMinor int64  `json:"chargebacks_minor"`
	RepresentedMinor int64  `json:"represented_minor"`
	FeesMinor        int64  `json:"fees_minor"`
	NetMinor         int64  `json:"net_minor"`
}

// clear makes the issuer a clearing system.
func (r *run) clear(o *daemons.Options) error {
	dir, err := filepath.Abs(r.Out)
	if err != nil {
		return err
	}
	out := filepath.Join(dir, incomingName)
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	rules := fmt.Sprintf(refusedRule, refusedMCC, refusedFrom)
	if o.Rules != "" {
		others, err := os.ReadFile(o.Rules)
		if err != nil {
			return err
		}
		rules = string(others) + rules
	} else {
		rules = "rules: []\n" + rules
	}
	o.Rules, o.IssuerConfig = filepath.Join(dir, "issuer-rules.yaml"), filepath.Join(dir, "issuer-sim.yaml")
	if err := os.WriteFile(o.Rules, []byte(rules), 0o600); err != nil {
		return err
	}
	config := fmt.Sprintf("clearing: {incoming: %q, out: %q, poll: 200ms}\n",
		filepath.Join(dir, "switchd", "clearing"), out)
	if err := os.WriteFile(o.IssuerConfig, []byte(config), 0o600); err != nil {
		return err
	}
	switchd, err := os.OpenFile(o.Config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(switchd, "clearing:\n  incoming: %q\n", out)
	if err := errors.Join(err, switchd.Close()); err != nil {
		return err
	}
	r.Answered = r.answered
	return nil
}

// answered waits until the switch has taken so many files of the clearing system.
func (r *run) answered(ctx context.Context, files int) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	for {
		taken := 0
		err := r.Local.Operator().EachIncoming(ctx, func(f *incoming.File) error {
			if !f.Taken.IsZero() {
				taken++
			}
			return nil
		})
		if err != nil || taken >= files {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the switch has taken %d of %d files of the clearing system after %s", taken, files,
				answerLimit)
		case <-time.After(answerPause):
		}
	}
}

// incomingName is the folder, in that of the demo, with the files of the clearing system.
const incomingName = "incoming"

// answerPause lies between two looks at what was taken.
const answerPause = 200 * time.Millisecond

// afterwards is what follows the first day under way.
type afterwards struct {
	*run
	first, second string                         // business dates
	presented     int                            // records of the first
	windows       int                            // of the clearing system that have ended
	rejects       map[string]*clearing.DetailRow // that the clearing system is to reject, by capture
	charged       map[string]int64               // what is charged back, by currency
	represented   map[string]int64               // what of it is presented a second time
	fig           SettlementFigures
}

// daysAfter plays the second and the third day.
func (r *run) daysAfter(ctx context.Context) {
	a := &afterwards{
		run: r, first: r.Cleared[0].BusinessDate, charged: map[string]int64{}, represented: map[string]int64{},
	}
	for _, step := range []func(context.Context) error{
		a.chargeBack, a.correct, a.dispute, a.presentAgain, a.statements, a.states,
	} {
		if err := step(ctx); err != nil {
			r.Wrong("%v", err)
			return
		}
	}
	r.sum.Settlement = &a.fig
	r.Audit(ctx)
}

// rows reads the detail files of the first date.
func (a *afterwards) rows() (rows []*clearing.DetailRow, err error) {
	for _, f := range a.Cleared {
		file, err := os.Open(strings.TrimSuffix(f.Path, ".ipm") + ".detail.csv")
		if err != nil {
			return nil, err
		}
		for row, err := range clearing.ReadDetail(file) {
			if err != nil {
				_ = file.Close() // it was read only
				return nil, fmt.Errorf("%s: %w", file.Name(), err)
			}
			rows = append(rows, &row)
		}
		_ = file.Close()
	}
	return rows, nil
}

// chargeBack has purchases charged back of which nothing was refunded, and ends the clearing system's window.
func (a *afterwards) chargeBack(ctx context.Context) error {
	a.Step("charging back")
	rows, err := a.rows()
	if err != nil {
		return err
	}
	a.presented, a.rejects = len(rows), map[string]*clearing.DetailRow{}
	credited := map[string]bool{}
	for _, row := range rows {
		credited[row.PaymentID] = credited[row.PaymentID] || row.Direction == "credit"
		if row.MCC == refusedMCC && row.AmountMinor >= refusedFrom {
			a.rejects[row.CaptureID] = row
		}
	}
	purchases := 0
	for _, row := range rows {
		if credited[row.PaymentID] || a.rejects[row.CaptureID] != nil || a.fig.ChargedBack == chargedBackMost {
			continue
		}
		if purchases++; purchases%chargedBackEach != 1 {
			continue
		}
		amount := row.AmountMinor
		if a.fig.ChargedBack%2 == 1 {
			amount = (amount + 1) / 2
		}
		body, err := json.Marshal(map[string]any{"arn": row.ARN, "reason": "4853", "amount": amount})
		if err != nil {
			return err
		}
		if _, err := a.Control().Read(ctx, http.MethodPost, "/v1/clearing/chargebacks", nil, body); err != nil {
			return fmt.Errorf("chargeback of %s: %w", row.ARN, err)
		}
		a.fig.ChargedBack++
		a.charged[row.Currency] += amount
	}
	return a.window(ctx)
}

// window ends the clearing system's window: one file, of what was charged back and of what is owed.
func (a *afterwards) window(ctx context.Context) error {
	if _, err := a.Control().Read(ctx, http.MethodPost, "/v1/clearing/window", nil, nil); err != nil {
		return fmt.Errorf("the clearing system's window: %w", err)
	}
	a.windows++
	return a.answered(ctx, len(a.Cleared)+a.windows)
}

// correct puts right what was rejected, and presents it again.
func (a *afterwards) correct(ctx context.Context) error {
	a.Step("putting right what was rejected")
	var rejects []*incoming.Reject
	operator := a.Local.Operator()
	err := operator.EachReject(ctx, false, func(r *incoming.Reject) error {
		rejects = append(rejects, r)
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range rejects {
		row := a.rejects[r.ID]
		if row == nil || row.AmountMinor != r.Amount || row.Currency != r.Currency || row.ARN != r.ARN {
			a.Wrong("%s of %d %s was rejected, which the clearing system's rule does not say", r.ID, r.Amount, r.Currency)
		}
		if _, err := operator.FixReject(ctx, r.ID, map[string]string{"mcc": correctedMCC}); err != nil {
			return fmt.Errorf("fix of %s: %w", r.ID, err)
		}
		if _, err := operator.ResubmitReject(ctx, r.ID); err != nil {
			return fmt.Errorf("resubmission of %s: %w", r.ID, err)
		}
	}
	if a.fig.Rejected = len(rejects); a.fig.Rejected != len(a.rejects) {
		a.Wrong("%d presentments were rejected, %d fit the clearing system's rule", a.fig.Rejected, len(a.rejects))
	}
	return nil
}

// dispute presents two of three chargebacks a second time, and accepts the others.
func (a *afterwards) dispute(ctx context.Context) error {
	a.Step("answering the chargebacks")
	var open []*incoming.Dispute
	operator := a.Local.Operator()
	err := operator.EachDispute(ctx, payment.DisputeOpen.String(), "", func(d *incoming.Dispute) error {
		open = append(open, d)
		return nil
	})
	if err != nil {
		return err
	}
	if len(open) != a.fig.ChargedBack {
		a.Wrong("%d disputes are open, %d presentments were charged back", len(open), a.fig.ChargedBack)
	}
	for i, d := range open {
		if i%3 == 2 {
			if _, err := operator.AcceptDispute(ctx, d.ID, ""); err != nil {
				return fmt.Errorf("acceptance of %s: %w", d.ID, err)
			}
			continue
		}
		if _, err := operator.Represent(ctx, d.ID, representedFor, 0, ""); err != nil {
			return fmt.Errorf("second presentment of %s: %w", d.ID, err)
		}
		a.fig.Represented++
		a.represented[d.Currency] += d.Amount
	}
	return nil
}

// presentAgain closes the second date and has the clearing system take its files.
func (a *afterwards) presentAgain(ctx context.Context) error {
	a.Step("closing the second business day")
	ctxCut, cancel := context.WithTimeout(ctx, 2*localday.CutoverLimit)
	defer cancel()
	closed, err := a.Local.Operator().Cutover(ctxCut, client.Cutover{Wait: localday.CutoverLimit, Ahead: true})
	if err != nil {
		return fmt.Errorf("cutover: %w", err)
	}
	a.second = closed.BusinessDate
	var have, want localday.ClearingFile
	for _, f := range a.FilesOf(ctx, a.second) {
		have.Presentments += f.Presentments
		have.SumMinor += f.SumMinor
	}
	for _, row := range a.rejects {
		want.Presentments++
		want.SumMinor += row.AmountMinor
	}
	want.Presentments += a.fig.Represented
	for _, minor := range a.represented {
		want.SumMinor += minor
	}
	if have.Presentments != want.Presentments || have.SumMinor != want.SumMinor {
		a.Wrong("the second day's files have %d presentments of %d minor units, %d of %d were presented again",
			have.Presentments, have.SumMinor, want.Presentments, want.SumMinor)
	}
	return a.window(ctx)
}

// statements makes merchants' statements of both dates and holds them against what the demo has done.
func (a *afterwards) statements(context.Context) error {
	a.Step("making merchants' statements")
	terms, err := settlement.ParsePlan("plan", []byte(plan))
	if err != nil {
		return err
	}
	o := folder.Options{
		FS: vfs.Default, Clearing: a.Local.ClearingDir(), Plan: terms,
		Incoming: filepath.Join(a.Out, incomingName),
	}
	if o.From, err = workday.Parse(a.first); err != nil {
		return err
	}
	if o.To, err = workday.Parse(a.second); err != nil {
		return err
	}
	statements, err := folder.Settle(o)
	if err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	for _, e := range statements.Exceptions {
		a.Wrong("statements: %s %s: %s", e.Kind, e.ARN, e.Message)
	}
	again := map[string]int64{}
	for _, row := range a.rejects {
		again[row.Currency] += signed(row)
	}
	for i := range statements.Proof {
		p := &statements.Proof[i]
		t := &p.Totals
		if !p.Holds {
			a.Wrong("the statements in %s do not add up to the files", p.Currency)
		}
		if t.RejectedMinor != again[p.Currency] || t.ChargebacksMinor != a.charged[p.Currency] ||
			t.RepresentedMinor != a.represented[p.Currency] {
			a.Wrong("statements in %s: %d rejected, %d charged back, %d represented; there were %d, %d, %d", p.Currency,
				t.RejectedMinor, t.ChargebacksMinor, t.RepresentedMinor, again[p.Currency], a.charged[p.Currency],
				a.represented[p.Currency])
		}
		a.fig.Currencies = append(a.fig.Currencies, CurrencyFigures{
			Currency: p.Currency, GrossMinor: t.GrossMinor, RefundsMinor: t.RefundsMinor, RejectedMinor: t.RejectedMinor,
			ChargebacksMinor: t.ChargebacksMinor, RepresentedMinor: t.RepresentedMinor, FeesMinor: t.FeesMinor,
			NetMinor: t.NetMinor,
		})
	}
	return a.write(statements)
}

// signed is what a record is to the merchant.
func signed(row *clearing.DetailRow) int64 {
	if row.Direction == "credit" {
		return -row.AmountMinor
	}
	return row.AmountMinor
}

// write writes the statements: a page a merchant, and all of them as JSON.
func (a *afterwards) write(statements *settlement.Run) error {
	dir := filepath.Join(a.Out, "statements")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text, err := json.MarshalIndent(statements, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "statements.json"), append(text, '\n'), 0o600); err != nil {
		return err
	}
	for _, merchant := range statements.Merchants() {
		file, err := os.Create(filepath.Join(dir, settlement.PageName(merchant)))
		if err != nil {
			return err
		}
		if err := statements.WritePage(file, merchant); err != nil {
			return fmt.Errorf("%s: %w", file.Name(), err)
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	return nil
}

// states holds what the switch says of each presentment against what became of it, and that nothing waits for a person.
func (a *afterwards) states(ctx context.Context) error {
	a.Step("looking at each presentment")
	have := map[string]int{}
	err := a.Local.Operator().EachPayment(ctx, func(p *operator.PaymentExport) error {
		for i := range p.Ops {
			have[p.Ops[i].Op]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	want := map[string]int{
		"reject": a.fig.Rejected, "resubmit": a.fig.Rejected, "chargeback": a.fig.ChargedBack,
		"represent": a.fig.Represented, "accept_dispute": a.fig.ChargedBack - a.fig.Represented,
		"settle": a.presented + a.fig.Represented,
	}
	for _, kind := range slices.Sorted(maps.Keys(want)) {
		if have[kind] != want[kind] {
			a.Wrong("the switch has %d operations %s, expected %d", have[kind], kind, want[kind])
		}
	}
	a.fig.Settled = have["settle"]
	return a.Local.Operator().EachException(ctx, func(e *incoming.Exception) error {
		a.Wrong("file %s record %d: %s", e.FileID, e.Record, e.Why)
		return nil
	})
}
