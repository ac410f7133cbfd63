package clearing

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/switch/clearing"
)

// WindowResult is the end of a window: the answer to POST /v1/clearing/window.
type WindowResult struct {
	Date  string       `json:"date"`
	Cycle int          `json:"cycle"` // of the date, from 1
	Files []WindowFile `json:"files"` // one a member and mode; none where there is nothing to tell
}

// WindowFile is a file that tells a member of a window.
type WindowFile struct {
	FileID      string `json:"file_id"`
	Member      string `json:"member"`
	Mode        string `json:"mode"` // PDS0122, P or T
	Chargebacks int    `json:"chargebacks"`
	Retrievals  int    `json:"retrievals"`
	Fees        int    `json:"fees"`
	Positions   int    `json:"positions"` // currencies
}

// ErrNoOut refuses to end a window whose files have no place.
var ErrNoOut = errors.New("there is no folder for files: clearing.out")

// errWindows ends a date's windows.
var errWindows = fmt.Errorf("more than %d windows of a date", maxWindowsOfADate)

// CloseWindow ends the window: each member of whom something came since the last, or to whom something is to be told,
// gets a file; one for what is of test files, one for what is of production files.
func (d *Desk) CloseWindow() (WindowResult, error) { return d.closeWindow(time.Time{}) }

// closeWindow ends the window, at a time of the schedule or, without one, when told to.
func (d *Desk) closeWindow(clocked time.Time) (result WindowResult, _ error) {
	if d.o.Out == "" {
		return result, ErrNoOut
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.o.Now().UTC()
	closed := &book.Closed{Date: now.Format(fileIDDateLayout)}
	if !clocked.IsZero() {
		closed.Clocked = clocked.Unix()
	}
	w := d.books.Window(closed.Date)
	result = WindowResult{Date: now.Format(time.DateOnly), Cycle: w.Cycle + 1, Files: []WindowFile{}}
	if result.Cycle > maxWindowsOfADate {
		return result, errWindows
	}
	made, err := d.windowFiles(&w, now, &result)
	if err != nil {
		for _, out := range made {
			err = errors.Join(err, out.discard())
		}
		return result, err
	}
	if len(made) == 0 && closed.Clocked == 0 {
		return result, nil
	}
	for _, out := range made {
		closed.Files = append(closed.Files, out.id)
	}
	// From here on the log decides, at the next start, whether they were made.
	if err := d.books.CloseWindow(closed); err != nil {
		return result, err
	}
	for _, out := range made {
		if err := out.publish(); err != nil {
			return result, err
		}
	}
	if len(made) == 0 {
		return result, nil
	}
	d.logger.Info("clearing window ended", zap.String("date", result.Date), zap.Int("cycle", result.Cycle),
		zap.Int("files", len(result.Files)), zap.Bool("by_the_clock", closed.Clocked != 0))
	return result, nil
}

// windowFiles writes what the window tells, a file an addressee.
func (d *Desk) windowFiles(w *book.Window, now time.Time, result *WindowResult) (made []*outgoing, _ error) {
	told := map[book.Addressee][]book.Item{}
	for _, i := range w.Items {
		told[i.To] = append(told[i.To], i)
	}
	for _, to := range w.Tells {
		var keys []book.PositionKey
		for key := range w.Positions {
			if key.Addressee == to {
				keys = append(keys, key)
			}
		}
		page := clearing.CP500
		if d.o.ASCII {
			page = clearing.ASCII
		}
		out, err := d.outgoing(to.Member, to.Mode, page, clearing.Framing{Blocked: !d.o.Unblocked})
		if err != nil {
			return made, err
		}
		made = append(made, out)
		file := WindowFile{FileID: out.id, Member: to.Member, Mode: to.Mode, Positions: len(keys)}
		// Chargebacks come first, then requests, then fees; each in the order of their orders.
		slices.SortStableFunc(told[to], func(a, b book.Item) int { return cmp.Compare(a.Kind, b.Kind) })
		for n := range told[to] {
			if err := out.item(&told[to][n], now, result.Cycle, &file); err != nil {
				return made, err
			}
		}
		slices.SortFunc(keys, func(a, b book.PositionKey) int { return cmp.Compare(a.Currency, b.Currency) })
		for _, key := range keys {
			p := w.Positions[key]
			if err := out.net(key.Currency, &p, now, result.Cycle); err != nil {
				return made, err
			}
		}
		if err := out.finish(); err != nil {
			return made, err
		}
		result.Files = append(result.Files, file)
	}
	return made, nil
}

// net writes a 1644/688: what the window came to in a currency.
func (o *outgoing) net(currency uint16, p *book.Position, date time.Time, cycle int) error {
	pds := []clearing.PDS{{Tag: 359, Value: o.desk.money.service(date, cycle, false)}}
	return o.out.WriteMessage(&clearing.Message{
		MTI: "1644", FunctionCode: "688", Elements: []clearing.Element{{DE: 50, Value: number3(currency)}},
		PDS: append(pds, settledPDS(p)...),
	})
}

// chargeback is what DE24 of a chargeback says: that it is of a second presentment, and of a part of it.
type chargeback struct{ second, part bool }

var chargebackFunctions = map[chargeback]string{
	{}: "450", {part: true}: "453", {second: true}: "451", {second: true, part: true}: "454",
}

// item writes a chargeback, a request or a fee.
func (o *outgoing) item(i *book.Item, date time.Time, cycle int, file *WindowFile) error {
	m := &clearing.Message{MTI: "1644", FunctionCode: "603"}
	switch i.Kind {
	case book.ItemChargeback:
		file.Chargebacks++
		m.MTI, m.FunctionCode = "1442", chargebackFunctions[chargeback{i.Second, i.Part}]
	case book.ItemFee:
		file.Fees++
		m.MTI, m.FunctionCode = "1740", "700"
	default:
		file.Retrievals++
	}
	id := o.desk.o.ID
	add := func(de int, value string) {
		if value != "" {
			m.Elements = append(m.Elements, clearing.Element{DE: de, Value: value})
		}
	}
	add(25, fmt.Sprintf("%04d", i.Reason))
	add(31, i.ARN.Text())
	add(33, id)
	add(93, i.To.Member)
	add(94, id)
	if i.Kind != book.ItemFee {
		o.presentment(i, add)
	}
	if i.Kind != book.ItemRetrieval {
		o.money(i, m, add, date, cycle)
	}
	return o.out.WriteMessage(m)
}

// presentment adds what is repeated of the presentment.
func (o *outgoing) presentment(i *book.Item, add func(de int, value string)) {
	add(2, i.Card.Text())
	add(12, localText(i))
	if rrn := i.RRN.Text(); rrn != "" {
		add(37, fmt.Sprintf("%-12s", rrn))
	}
	if code := message.Trimmed(i.AuthCode[:]); code != "" {
		add(38, fmt.Sprintf("%-6s", code))
	}
	if merchant := message.Trimmed(i.Merchant[:]); merchant != "" {
		add(42, fmt.Sprintf("%-15s", merchant))
	}
}

// What DE3 says of the messages: a purchase is charged back; a fee is collected from the member, or paid to it.
const (
	processingPurchase = "000000"
	processingCollects = "190000"
	processingPays     = "290000"
)

// money adds the amount, what it is in the currency that is settled in, and the fee that goes with it.
func (o *outgoing) money(
	i *book.Item, m *clearing.Message, add func(de int, value string), date time.Time, cycle int,
) {
	add(4, number12(i.Amount))
	add(5, number12(i.Terms.Amount))
	add(9, fmt.Sprintf("%08d", i.Terms.Rate))
	add(49, number3(i.Currency))
	add(50, number3(i.Terms.Currency))
	m.PDS = []clearing.PDS{{Tag: 159, Value: o.desk.money.service(date, cycle, i.Terms.Currency != i.Currency)}}
	switch {
	case i.Kind == book.ItemChargeback:
		add(3, processingPurchase)
		// The card is billed in the currency of the transaction: the accounts are.
		add(6, number12(i.Amount))
		add(10, fmt.Sprintf("%08d", 1))
		add(51, number3(i.Currency))
		add(30, number12(i.Original)+number12(0))
		add(95, book.ReferenceText(i.Reference))
		if c, ok := message.CurrencyOf(i.Currency); ok {
			m.PDS = append(m.PDS, clearing.PDS{Tag: 148, Value: fmt.Sprintf("%s%d", c.Numeric, c.Exponent)})
		}
		if entry := fee(&i.Terms, i.Currency); entry != "" {
			m.PDS = append(m.PDS, clearing.PDS{Tag: 146, Value: entry})
		}
	case i.Credit:
		add(3, processingPays)
	default:
		add(3, processingCollects)
	}
}

func number12(n int64) string { return fmt.Sprintf("%012d", n) }
