package audit_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/internal/pan"
	"switchyard/switch/audit"
	"switchyard/switch/clearing"
)

// A world is three books that agree, made by a small model of what switch, issuer and clearing do. Tests spoil one of
// them and expect the audit to say what is wrong.
type world struct {
	payments     []*payment
	holdings     []*holding
	presentments []*presentment
	written      []string // business dates with files; each has one
	days         []*day   // what the switch says of them; nil: what written says
	ledger       ledger
	told         []string  // lines of a gateway's log
	now          time.Time // the switch's clock

	// between is called between the first and the second reading of the journal.
	between func()
	// mangle changes the bytes of a date's IPM file, which are ASCII without blocks, spoil those of any other file; nil
	// takes it away.
	mangle func(date string, file []byte) []byte
	spoil  func(name string, file []byte) []byte
	// rebuilt changes what the files of a date are when they are made again, by their names; nil: the audit cannot ask.
	rebuilt func(date string, sums map[string]*fileSum) error
	// again are dates whose file stands there twice.
	again []string
	// windows says how many files a date with windows has.
	windows map[string]int
	// processors are the processor ids under which files of windows are made, by window, where it is another one.
	processors map[int]string

	serial int
	rrnDay string // YDDD of the RRNs that are made; "": 6320
}

// The business dates: two with files, and the open one.
const (
	monday    = "2026-11-16"
	tuesday   = "2026-11-17"
	wednesday = "2026-11-18"
)

type payment struct {
	ID        string `json:"payment"`
	Version   int    `json:"version"`
	Merchant  string `json:"merchant"`
	Currency  string `json:"currency"`
	PAN       string `json:"pan"`
	Terminal  string `json:"terminal"`
	Reference string `json:"reference"`
	Entry     string `json:"entry"`
	Acquirer  string `json:"acquirer"`
	ECI       string `json:"eci"`
	Sequence  string `json:"sequence"`
	EMV       string `json:"emv"`
	Ops       []*op  `json:"ops"`

	Expires time.Time `json:"expires,omitzero"`

	w      *world
	number string   // the card's
	held   *holding // its authorization, sale or voice capture at the issuer
}

type op struct {
	N            int       `json:"n"`
	Op           string    `json:"op"`
	State        string    `json:"state"`
	Key          string    `json:"key"`
	KeyHidden    bool      `json:"key_hidden,omitempty"`
	Amount       int64     `json:"amount"`
	Granted      int64     `json:"granted"`
	Target       int       `json:"target"`
	Number       int       `json:"number"`
	Host         string    `json:"host"`
	STAN         string    `json:"stan"`
	DE7          string    `json:"de7"`
	RRN          string    `json:"rrn"`
	ResponseCode string    `json:"response_code"`
	Late         string    `json:"late"`
	AuthCode     string    `json:"auth_code"`
	NetworkID    string    `json:"network_id"`
	BusinessDate string    `json:"business_date"`
	ARN          string    `json:"arn"`
	Source       string    `json:"source"`
	IssuerRef    string    `json:"issuer_reference,omitempty"`
	At           time.Time `json:"at"`
	Clearing     *note     `json:"clearing,omitempty"`
	CarriedTo    string    `json:"carried_to,omitempty"`

	CaptureAt  time.Time `json:"capture_at,omitzero"`
	Automatic  bool      `json:"automatic,omitempty"`
	ForcePost  bool      `json:"force_post,omitempty"`
	PastWindow bool      `json:"past_window,omitempty"`

	posted *posting
	in     *presentment
}

// note is what the switch's journal fixed for a record.
type note struct {
	Destination string `json:"destination"`
	Name        string `json:"merchant_name"`
	Street      string `json:"street"`
	City        string `json:"city"`
	PostalCode  string `json:"postal_code"`
	State       string `json:"state"`
	Country     string `json:"country"`
	MCC         string `json:"mcc"`
	FeePlan     string `json:"fee_plan"`
	Reason      string `json:"message_reason"`
	Sequence    int    `json:"sequence"`
	Count       int    `json:"count"`
}

// day is a business date as the switch lists it.
type day struct {
	Date  string       `json:"date"`
	State string       `json:"state"`
	Data  *daySettings `json:"data,omitempty"`
}

type daySettings struct {
	Format      int       `json:"format,omitempty"`
	SealedAt    time.Time `json:"sealed_at"`
	AcquirerID  string    `json:"acquirer_id"`
	ProcessorID string    `json:"processor_id"`
	CodePage    string    `json:"code_page"`
	Location    string    `json:"location"`
	Result      dayResult `json:"result,omitzero"`

	Windows []*daySettings `json:"windows,omitempty"`
	// Of a window:
	Destination string      `json:"destination,omitempty"`
	Window      int         `json:"window,omitempty"`
	Release     *dayRelease `json:"release,omitempty"`

	Held  []string  `json:"held,omitempty"`
	Aside *dayAside `json:"aside,omitempty"`
}

type dayAside struct {
	Records []asideRecord `json:"records"`
}

type asideRecord struct {
	Payment   string `json:"payment"`
	Operation int    `json:"operation"`
}

type dayRelease struct {
	By string `json:"by"`
}

type dayResult struct {
	Files []dayFile `json:"files"`
}

type dayFile struct {
	Destination string `json:"destination"`
	FileID      string `json:"file_id"`
}

type holding struct {
	Kind         string      `json:"kind"`
	Acquirer     string      `json:"acquirer"`
	RRN          string      `json:"rrn"`
	FirstRRN     string      `json:"first_rrn,omitempty"`
	STAN         string      `json:"stan"`
	DE7          string      `json:"de7"`
	PAN          string      `json:"pan"`
	Merchant     string      `json:"merchant"`
	Currency     string      `json:"currency"`
	ResponseCode string      `json:"response_code"`
	AuthCode     string      `json:"auth_code"`
	Authorized   int64       `json:"authorized"`
	Captured     int64       `json:"captured"`
	Hold         int64       `json:"hold"`
	Reversed     bool        `json:"reversed"`
	Increments   []*increase `json:"increments"`
	Postings     []*posting  `json:"postings"`
}

func (h *holding) rehold() {
	if h.Kind == "authorization" {
		h.Hold = h.Authorized - h.Captured
	}
}

type increase struct {
	RRN      string `json:"rrn"`
	Amount   int64  `json:"amount"`
	Reversed bool   `json:"reversed"`
}

type posting struct {
	Number       string `json:"number"`
	ARN          string `json:"arn"`
	Amount       int64  `json:"amount"`
	Credit       bool   `json:"credit"`
	BusinessDate string `json:"business_date"`
	State        string `json:"state"`
	SettledFile  string `json:"settled_file,omitempty"`
}

type ledger struct {
	Currencies map[string]account `json:"currencies"`
	Balanced   bool               `json:"balanced"`
}

type account struct {
	Balanced bool `json:"balanced"`
}

// A presentment stands in the file of a business date.
type presentment struct {
	clearing.Presentment
	date   string
	window int // whose file of its date has it, from 1; 0: 1
	of     *op
}

func newWorld() *world {
	return &world{
		written: []string{monday, tuesday},
		ledger:  ledger{Currencies: map[string]account{"EUR": {true}, "JPY": {true}}, Balanced: true},
		now:     time.Date(2026, 11, 16, 12, 1, 0, 0, time.UTC),
	}
}

const (
	merchantID  = "SHOP-7"
	acquirer    = "400001"
	processor   = "123456"
	destination = "visa"
)

// location is where the cards are used.
var location = func() *time.Location {
	l, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return l
}()

// rrn makes the next RRN, and stan the STAN that goes with it.
func (w *world) rrn() string {
	w.serial++
	return fmt.Sprintf("%s0%07d", cmp.Or(w.rrnDay, "6320"), w.serial)
}

func (w *world) arn() string {
	w.serial++
	digits := fmt.Sprintf("14000016320%011d", w.serial)
	return digits + string(pan.LuhnDigit(digits))
}

// begin makes a payment with its first operation. The card's number varies with the payment.
func (w *world) begin(kind, state string, amount int64, currency string) *payment {
	w.serial++
	card := fmt.Sprintf("40000012345%04d", w.serial)
	card += string(pan.LuhnDigit(card))
	p := &payment{
		ID: fmt.Sprintf("P1%010d", w.serial), Merchant: merchantID, Currency: currency, PAN: pan.Mask(card), w: w,
		number: card, Terminal: "T1", Reference: fmt.Sprintf("order %d", w.serial), Entry: "ecommerce", ECI: "05",
		Sequence: "1", EMV: "9F2701",
	}
	w.payments = append(w.payments, p)
	o := p.add(kind, state, amount)
	if kind == "voice" {
		o.Host, o.STAN, o.DE7 = "issuer", "000000", ""
	}
	return p
}

// add appends an operation with an identity of its own.
func (p *payment) add(kind, state string, amount int64) *op {
	w := p.w
	w.serial++
	o := &op{
		N: len(p.Ops), Op: kind, State: state, Key: "key-" + strconv.Itoa(w.serial), Amount: amount, Target: -1,
		Host: "issuer", STAN: fmt.Sprintf("%06d", w.serial), DE7: "1116120000",
		At: time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC),
	}
	switch kind {
	case "authorize", "sale", "verify", "increment", "refund", "voice", "credit":
		o.RRN = w.rrn()
		if state == "declined" {
			o.ResponseCode = "51"
		}
		if state == "approved" {
			o.Granted, o.ResponseCode, o.AuthCode = amount, "00", fmt.Sprintf("A%05d", w.serial)
			o.NetworkID = fmt.Sprintf("N%d", w.serial)
		}
	case "timeout_reversal", "release":
		o.Key = ""
		o.RRN = p.Ops[0].RRN
	default:
		o.RRN = p.Ops[0].RRN
	}
	p.Ops = append(p.Ops, o)
	p.Version++
	return o
}

// hold enters an approved request in the issuer's book.
func (p *payment) hold(o *op, kind string) *holding {
	h := &holding{
		Kind: kind, Acquirer: acquirer, RRN: o.RRN, STAN: o.STAN, DE7: o.DE7, PAN: p.PAN, Merchant: p.Merchant,
		Currency: p.Currency, ResponseCode: o.ResponseCode, AuthCode: o.AuthCode,
	}
	if kind == "voice" {
		h.AuthCode = p.Ops[0].AuthCode
	}
	if kind == "authorization" {
		h.Authorized = o.Granted
		h.rehold()
	}
	p.w.holdings = append(p.w.holdings, h)
	return h
}

// clear posts an operation at the issuer and presents it, if its date has a file.
func (p *payment) clear(o *op, h *holding, number int, date string) {
	o.Number, o.BusinessDate, o.ARN = number, date, p.w.arn()
	credit := o.Op == "refund" || o.Op == "credit"
	amount := o.Granted
	if o.Op == "capture" {
		amount = o.Amount
	}
	o.posted = &posting{
		Number: strconv.Itoa(number), ARN: o.ARN, Amount: amount, Credit: credit, BusinessDate: date[5:7] + date[8:],
		State: "unsettled",
	}
	h.Postings = append(h.Postings, o.posted)
	if !credit {
		h.Captured += amount
	}
	h.rehold()
	auth := o.AuthCode
	if o.Op == "capture" {
		auth = p.Ops[0].AuthCode
	}
	o.Clearing = &note{
		Destination: destination, Name: "Café Zoé", Street: "1 High St", City: "Cork", PostalCode: "T12", Country: "IRL",
		MCC:     "5999",
		FeePlan: "basic", Sequence: number, Count: number,
	}
	if o.Op == "capture" && number > 1 {
		o.Clearing.Reason = "1404"
	}
	o.in = &presentment{date: date, of: o, Presentment: clearing.Presentment{
		PAN: p.number, Expiry: "2912", Credit: credit, AmountMinor: amount, Currency: p.Currency,
		LocalTime:   o.At.In(location),
		POSDataCode: "000050S00000", CardSequence: "001", FunctionCode: "200", MessageReason: o.Clearing.Reason,
		MCC: "5999", ARN: o.ARN,
		AcquirerID: acquirer, ForwarderID: processor, RRN: o.RRN, AuthCode: auth, Terminal: p.Terminal, Merchant: p.Merchant,
		Acceptor: clearing.Acceptor{Name: "Cafe Zoe", Street: "1 High St", City: "Cork", PostalCode: "T12",
			CountryAlpha3: "IRL"},
		NetworkID:    p.Ops[0].NetworkID,
		TerminalType: "CT6", ECommerceLevel: "215", PaymentID: p.ID, CaptureID: fmt.Sprintf("%s-%d", p.ID, o.N),
		Reference: p.Reference,
		Key:       o.Key, Sequence: number, Count: number, AcceptedAt: o.At, MerchantName: "Café Zoé", FeePlan: "basic",
	}}
	if !credit {
		o.in.ChipData = []byte{0x9f, 0x27, 0x01}
	}
	p.w.presentments = append(p.w.presentments, o.in)
}

func (w *world) authorize(amount int64, currency string) *payment {
	p := w.begin("authorize", "approved", amount, currency)
	p.held = p.hold(p.Ops[0], "authorization")
	return p
}

func (w *world) sale(amount int64, currency, date string) *payment {
	p := w.begin("sale", "approved", amount, currency)
	p.held = p.hold(p.Ops[0], "sale")
	p.held.Authorized = amount
	p.clear(p.Ops[0], p.held, 1, date)
	return p
}

// credit makes a payment that pays the cardholder without an original.
func (w *world) credit(amount int64, currency, date string) *payment {
	p := w.begin("credit", "approved", amount, currency)
	p.held = p.hold(p.Ops[0], "refund")
	p.clear(p.Ops[0], p.held, 1, date)
	return p
}

// voice makes a payment that was authorized elsewhere, with its capture.
func (w *world) voice(amount int64, currency, date string) *payment {
	p := w.begin("voice", "approved", amount, currency)
	o := p.add("capture", "approved", amount)
	p.held = p.hold(o, "voice")
	p.held.ResponseCode = "00"
	p.clear(o, p.held, 1, date)
	return p
}

// undone makes a payment whose first request got no answer and was reversed. The issuer had approved it, if seen.
func (w *world) undone(amount int64, currency string, seen bool) *payment {
	p := w.begin("authorize", "unknown", amount, currency)
	u := p.add("timeout_reversal", "approved", amount)
	u.Target, u.ResponseCode = 0, "25"
	if seen {
		u.ResponseCode = "00"
		p.held = p.hold(p.Ops[0], "authorization")
		p.held.ResponseCode, p.held.Reversed = "00", true
	}
	return p
}

func (p *payment) capture(amount int64, date string) *op {
	number := 1
	for _, o := range p.Ops {
		if o.Op == "capture" {
			number++
		}
	}
	o := p.add("capture", "approved", amount)
	p.clear(o, p.held, number, date)
	return o
}

func (p *payment) increment(amount int64) *op {
	o := p.add("increment", "approved", amount)
	p.held.Increments = append(p.held.Increments, &increase{RRN: o.RRN, Amount: amount})
	p.held.Authorized += amount
	p.held.rehold()
	return o
}

// reverse releases an amount of what is not captured.
func (p *payment) reverse(kind string, amount int64) *op {
	o := p.add(kind, "approved", amount)
	p.held.Authorized -= amount
	p.held.Reversed = p.held.Authorized == 0
	p.held.rehold()
	return o
}

func (p *payment) refund(amount int64, date string) *op {
	o := p.add("refund", "approved", amount)
	h := p.hold(o, "refund")
	h.FirstRRN = p.Ops[0].RRN
	number := 1
	for _, other := range p.Ops[:o.N] {
		if other.Op == "refund" {
			number++
		}
	}
	p.clear(o, h, number, date)
	return o
}

// void undoes a capture or sale before its date is sealed.
func (p *payment) void(target *op) *op {
	o := p.add("void", "approved", target.posted.Amount)
	o.Target, o.RRN = target.N, target.RRN
	target.posted.State = "reversed"
	p.held.Captured -= target.posted.Amount
	p.held.rehold()
	p.w.withdraw(target.in)
	return o
}

// voidSealed takes a capture or sale back after its date was sealed, on another date.
func (p *payment) voidSealed(target *op, date string) *op {
	o := p.add("void_presentment", "approved", target.posted.Amount)
	o.Target, o.RRN, o.ARN, o.BusinessDate = target.N, target.RRN, target.ARN, date
	o.Host, o.STAN, o.DE7 = "", "000000", ""
	back := *target.in
	back.of, back.date, back.ReversalOf, back.Key, back.AcceptedAt = o, date, dayOf(target.BusinessDate), o.Key, o.At
	note := *target.Clearing
	o.Clearing = &note
	o.in = &back
	p.w.presentments = append(p.w.presentments, o.in)
	return o
}

func (w *world) withdraw(gone *presentment) {
	for i, p := range w.presentments {
		if p == gone {
			w.presentments = append(w.presentments[:i:i], w.presentments[i+1:]...)
			return
		}
	}
}

// settle presents the file of a date to the issuer.
func (w *world) settle(date string) {
	for _, in := range w.presentments {
		switch {
		case in.date != date:
		case in.of.Op == "void_presentment":
			for _, p := range w.payments {
				if in.of.N >= len(p.Ops) || p.Ops[in.of.N] != in.of {
					continue
				}
				target := p.Ops[in.of.Target]
				target.posted.State = "reversed"
				p.held.Captured -= target.posted.Amount
				if p.held.Kind == "authorization" {
					p.held.Authorized -= target.posted.Amount
				}
			}
		default:
			in.of.posted.State, in.of.posted.SettledFile = "settled", fileID(date).String()
		}
	}
}

func dayOf(date string) time.Time {
	d, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return d
}

func fileID(date string) clearing.FileID { return windowFile(date, 1) }

// fileOf is the file of a date's window, under the processor id that it is made with.
func (w *world) fileOf(date string, window int) clearing.FileID {
	id := windowFile(date, window)
	if other := w.processors[window]; other != "" {
		id.ProcessorID = other
	}
	return id
}

// windowFile is the file of a date's window, from 1.
func windowFile(date string, window int) clearing.FileID {
	return clearing.FileID{Date: dayOf(date), ProcessorID: processor, Sequence: window}
}

// sealedAt is when a date was sealed.
func sealedAt(date string) time.Time { return dayOf(date).Add(24*time.Hour + time.Second) }

// files writes the four clearing files of a date's window, by their names.
func (w *world) files(date string, window int) (map[string][]byte, error) {
	var ipm, detail, summary bytes.Buffer
	header := clearing.Header{FileID: w.fileOf(date, window), CodePage: clearing.ASCII}
	out, err := clearing.NewWriter(&ipm, header)
	if err != nil {
		return nil, err
	}
	rows, sums := clearing.NewDetailWriter(&detail), clearing.NewSummary()
	for _, p := range w.presentments {
		if p.date != date || max(p.window, 1) != window {
			continue
		}
		if err := errors.Join(out.Write(&p.Presentment), rows.Write(&p.Presentment), sums.Add(&p.Presentment)); err != nil {
			return nil, err
		}
	}
	totals, err := out.Close()
	if err = errors.Join(err, rows.Close(), sums.WriteCSV(&summary)); err != nil {
		return nil, err
	}
	files, id := map[string][]byte{}, header.FileID.String()
	var listed []clearing.ManifestFile
	for _, f := range []struct {
		ending string
		text   []byte
	}{{".ipm", ipm.Bytes()}, {".detail.csv", detail.Bytes()}, {".summary.csv", summary.Bytes()}} {
		if f.ending == ".ipm" && w.mangle != nil {
			f.text = w.mangle(date, f.text)
		}
		digest := clearing.NewDigest(io.Discard)
		if _, err := digest.Write(f.text); err != nil {
			return nil, err
		}
		listed = append(listed, digest.File(id+f.ending))
		files[id+f.ending] = f.text
	}
	files[id+".manifest.json"], err = clearing.NewManifest(header, destination, sealedAt(date), totals, listed...).Encode()
	return files, err
}

// folder writes all files, by their paths.
func (w *world) folder() (map[string][]byte, error) {
	folder := map[string][]byte{}
	for i, date := range slices.Concat(w.written, w.again) {
		for window := range max(w.windows[date], 1) {
			files, err := w.files(date, window+1)
			if err != nil {
				return nil, err
			}
			for name, text := range files {
				if i >= len(w.written) {
					name = "again-" + name
				}
				if w.spoil != nil {
					text = w.spoil(name, text)
				}
				if text != nil {
					folder[date+"/"+name] = text
				}
			}
		}
	}
	return folder, nil
}

// listedDays is what the switch says of the business dates.
func (w *world) listedDays() []*day {
	if w.days != nil {
		return w.days
	}
	var days []*day
	for _, date := range []string{monday, tuesday, wednesday} {
		d := &day{Date: date, State: "open"}
		if slices.Contains(w.written, date) {
			d.State = "written"
			var files []*daySettings
			for window := range max(w.windows[date], 1) {
				id := w.fileOf(date, window+1)
				files = append(files, &daySettings{
					SealedAt: sealedAt(date), AcquirerID: acquirer, ProcessorID: id.ProcessorID, CodePage: "ascii",
					Location: location.String(),
					Result:   dayResult{Files: []dayFile{{destination, id.String()}}},
				})
			}
			last := len(files) - 1
			d.Data = files[last]
			d.Data.Windows = files[:last]
			for _, window := range files[:last] { // a date's list has those of its windows, too
				d.Data.Result.Files = append(d.Data.Result.Files, window.Result.Files...)
			}
		}
		days = append(days, d)
	}
	return days
}

// sources shows the books to the audit.
func (w *world) sources() audit.Sources {
	readings := 0
	asJSON := func(v func() any) audit.Open {
		return func(context.Context) (io.ReadCloser, error) {
			text, err := json.Marshal(v())
			return io.NopCloser(bytes.NewReader(text)), err
		}
	}
	src := audit.Sources{
		Switch: func(context.Context) (io.ReadCloser, error) {
			if readings++; readings == 2 && w.between != nil {
				w.between()
			}
			return ndjson(w.payments)
		},
		Now:            func(context.Context) (time.Time, error) { return w.now, nil },
		Authorizations: func(context.Context, []string) (io.ReadCloser, error) { return ndjson(w.holdings) },
		Ledger:         asJSON(func() any { return w.ledger }),
		Days:           asJSON(func() any { return w.listedDays() }),
		Files: func(context.Context) ([]audit.File, error) {
			folder, err := w.folder()
			return audit.FilesOf(slices.Collect(maps.Keys(folder)),
				func(path string) audit.Open { return text(string(folder[path])) }), err
		},
	}
	if w.rebuilt != nil {
		src.Rebuilt = func(_ context.Context, date string) (io.ReadCloser, error) {
			folder, err := w.folder()
			if err != nil {
				return nil, err
			}
			sums := map[string]*fileSum{}
			for name, text := range folder {
				if strings.HasPrefix(name, date+"/") {
					sums[path.Base(name)] = &fileSum{path.Base(name), fmt.Sprintf("%x", sha256.Sum256(text)), len(text)}
				}
			}
			if err := w.rebuilt(date, sums); err != nil {
				return nil, err
			}
			return asJSON(func() any {
				return map[string]any{"business_date": date, "files": slices.Collect(maps.Values(sums))}
			})(context.Background())
		}
	}
	if w.told != nil {
		src.Told = []audit.Open{text(strings.Join(w.told, "\n") + "\n")}
	}
	return src
}

// fileSum is a file that is made once more.
type fileSum struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
}

// tell writes down what a gateway was told of an operation, as the switch answers it.
func (w *world) tell(p *payment, o *op, change ...func(request, answer map[string]any)) {
	request := map[string]any{"op": o.Op, "key": o.Key}
	answer := map[string]any{
		"payment": p.ID, "approved": o.State != "declined" && o.State != "failed" && o.State != "unknown",
		"status": "authorized",
		"rrn":    o.RRN, "stan": o.STAN, "amount": o.Amount, "currency": p.Currency, "authorized": p.Ops[0].Granted,
		"replayed":      false,
		"response_code": o.ResponseCode, "auth_code": o.AuthCode, "business_date": o.BusinessDate, "reason": "in words",
	}
	switch o.Op {
	case "capture":
		answer["capture"], answer["response_code"] = fmt.Sprintf("%s-%d", p.ID, o.N), ""
	case "refund":
		answer["refund"] = fmt.Sprintf("%s-%d", p.ID, o.N)
	}
	if o.N == 0 {
		request["merchant"] = p.Merchant
	}
	for _, c := range change {
		c(request, answer)
	}
	line, err := json.Marshal(map[string]any{"at": o.At, "request": request, "answer": answer})
	if err != nil {
		panic(err)
	}
	w.told = append(w.told, string(line))
}

// tellAll writes down what gateways were told of all that they asked for.
func (w *world) tellAll() {
	for _, p := range w.payments {
		for _, o := range p.Ops {
			if o.Key != "" && o.Op != "voice" && o.State != "pending" {
				w.tell(p, o)
			}
		}
	}
}

func ndjson[T any](lines []T) (io.ReadCloser, error) {
	var b strings.Builder
	for _, line := range lines {
		text, err := json.Marshal(line)
		if err != nil {
			return nil, err
		}
		b.Write(append(text, '\n'))
	}
	return io.NopCloser(strings.NewReader(b.String())), nil
}

// run audits the world.
func (w *world) run(t testing.TB) *audit.Report {
	t.Helper()
	report, err := audit.Run(t.Context(), w.sources(), audit.Options{Acquirer: acquirer})
	if err != nil {
		t.Fatal(err)
	}
	return report
}
