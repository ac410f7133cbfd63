package clearing

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"go.uber.org/zap"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
	"switchyard/issuer-sim/rules"
	"switchyard/switch/clearing"
)

// maxExceptions is how many exceptions a result lists; all are counted.
const maxExceptions = 100

// Result is what came of a file that was taken: the answer to POST /v1/clearing.
type Result struct {
	FileID      string      `json:"file_id"`
	Messages    int         `json:"messages"`               // presentments
	Settled     int         `json:"settled"`                // postings found and settled
	Posted      int         `json:"posted"`                 // without a posting: debited or credited now
	Reversed    int         `json:"reversed"`               // postings taken back
	Represented int         `json:"represented,omitempty"`  // second presentments: debited again after a chargeback
	Already     int         `json:"already"`                // done before, by a file that was cut short
	Ignored     int         `json:"ignored"`                // messages that move no money
	Excepted    int         `json:"excepted"`               // rejected, see exceptions
	ChargedBack int         `json:"charged_back,omitempty"` // of those that were accepted, by a rule
	Answer      string      `json:"answer,omitempty"`       // the id of the file that answers it
	Exceptions  []Exception `json:"exceptions,omitempty"`
}

// Exception is a presentment that was rejected.
type Exception struct {
	Record  int    `json:"record"`
	ARN     string `json:"arn,omitempty"`
	RRN     string `json:"rrn,omitempty"`
	Element string `json:"element"` // as PDS0005 has it
	Code    string `json:"code"`
	Reason  string `json:"reason"`
}

// source is where a file came from.
type source struct {
	path    string // in the watched folder; empty for one that came otherwise
	seen    book.Seen
	patient bool // one that ends too early may go on: it is not refused yet
}

// Take reads a file and applies it. A *RefusedError is one of which nothing was done. Where maxAtOnce are being taken
// the next one is not read, and is to come again.
func (d *Desk) Take(in io.Reader) (Result, error) {
	defer d.looked.Add(-1)
	if d.looked.Add(1) > maxAtOnce {
		return Result{}, errBusy
	}
	return d.take(in, source{})
}

func (d *Desk) take(in io.Reader, from source) (result Result, err error) {
	s := d.newSpool()
	defer func() { err = errors.Join(err, s.remove()) }()
	file, refused, err := d.inspect(io.TeeReader(in, s))
	if err != nil {
		return result, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if refused == nil {
		var number uint32
		if number, refused = d.number(file); refused == nil {
			again, err := s.again()
			if err != nil {
				return result, err
			}
			result, err = d.apply(file, number, again, from)
			return result, errors.Join(err, again.Close())
		}
	}
	if refused.cut && from.patient {
		return result, refused
	}
	return result, d.refuse(refused, from)
}

// number is the file's among those that came, or why it gets none.
func (d *Desk) number(file *inspected) (uint32, *RefusedError) {
	number, taken := d.books.FileNumber(file.id)
	switch {
	case taken:
		return 0, &RefusedError{
			FileID: file.id, Element: "P0105", Code: codeSeen, Words: "this file was taken before", Taken: true,
			mode: file.mode, page: file.page, framing: file.framing,
		}
	case number == 0:
		return 0, &RefusedError{
			FileID: file.id, Element: "P0105", Code: codeSeen, mode: file.mode, page: file.page, framing: file.framing,
			Words: fmt.Sprintf("more than %d clearing files", book.MaxClearingFiles),
		}
	}
	return number, nil
}

// refuse answers a file that is refused as a whole, if it is known whose it is, and returns why it is.
func (d *Desk) refuse(why *RefusedError, from source) error {
	d.logger.Warn("clearing file refused", zap.String("file", why.FileID), zap.String("path", from.path),
		zap.String("element", why.Element), zap.String("code", why.Code), zap.String("reason", why.fault().words))
	ended := &book.Taken{Path: from.path, Seen: from.seen}
	// What is of the clearing system's own type is answered by nobody: it would answer itself.
	answered := d.o.Out != "" && why.FileID != "" && why.Code != codeType
	if !answered {
		if from.path != "" {
			if err := d.books.FileEnds(ended); err != nil {
				return err
			}
		}
		return why
	}
	out, err := d.outgoing(book.MemberOf(why.FileID), why.mode, why.page, why.framing)
	if err != nil {
		return err
	}
	ended.Answer = out.id
	err = out.refused(why.FileID, why.fault())
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		return errors.Join(err, out.discard())
	}
	// From here on the log decides, at the next start, whether it was made.
	if err := d.books.FileEnds(ended); err != nil {
		return err
	}
	if err := out.publish(); err != nil {
		return err
	}
	why.Answer = out.id
	return why
}

// An intake applies one file.
type intake struct {
	desk   *Desk
	file   *inspected
	number uint32
	date   uint16
	out    *outgoing // nil: nobody is answered
	result Result
	filed  map[currencies]*filed
}

// apply goes through a file that may be taken, record by record, and answers it.
func (d *Desk) apply(file *inspected, number uint32, in io.Reader, from source) (Result, error) {
	i := &intake{
		desk: d, file: file, number: number, filed: map[currencies]*filed{},
		date: uint16(int(file.parsed.Date.Month())*100 + file.parsed.Date.Day()),
	}
	i.result.FileID = file.id
	if d.o.Out != "" {
		var err error
		if i.out, err = d.outgoing(file.parsed.ProcessorID, file.mode, file.page, file.framing); err != nil {
			return i.result, err
		}
	}
	d.books.FileBegins(file.id, file.mode)
	ended := &book.Taken{File: file.id, Mode: file.mode, Path: from.path, Seen: from.seen}
	err := i.records(in)
	if err == nil {
		err = i.end(ended)
	}
	if err != nil {
		if i.out != nil {
			err = errors.Join(err, i.out.discard())
		}
		return i.result, err
	}
	// From here on the log decides, at the next start, whether the answer was made.
	if err := d.books.FileEnds(ended); err != nil {
		return i.result, err
	}
	d.logger.Info("clearing file taken", zap.String("file", file.id), zap.String("path", from.path),
		zap.Int("presentments", i.result.Messages), zap.Int("rejected", i.result.Excepted),
		zap.String("answer", ended.Answer))
	if i.out == nil {
		return i.result, nil
	}
	i.result.Answer = i.out.id
	return i.result, i.out.publish()
}

func (i *intake) records(in io.Reader) error {
	reader, err := clearing.NewReader(in)
	if err != nil {
		return err
	}
	for {
		record, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var format *clearing.FormatError
		if err != nil && !errors.As(err, &format) || record == nil {
			return err
		}
		if err := i.record(record, format); err != nil {
			return err
		}
	}
}

func (i *intake) record(r *clearing.Record, format *clearing.FormatError) error {
	if format == nil && r.MTI == "1644" {
		if function := r.FunctionCode(); function != "697" && function != "695" {
			i.result.Ignored++ // it moves no money
		}
		return nil
	}
	i.result.Messages++
	p, why := judge(r, format, i.date)
	if why != nil {
		return i.reject(r, why, format == nil)
	}
	part := p.Function != book.FirstPresentment && p.Amount < i.desk.books.Original(p.Card, p.ARN)
	terms, ok := i.desk.money.of(p.Card, p.Currency, p.Amount, part)
	if !ok {
		return i.reject(r, &fault{"D0005", codeConvert, "its amount has more than twelve digits in what is settled in"}, true)
	}
	order := i.desk.rules.Load().JudgeClearing(&rules.Cleared{
		Card: p.Card, Merchant: p.Merchant, Currency: p.Currency, Amount: p.Amount, Category: r.Text(26), ARN: p.ARN,
		File: i.file.id, Second: p.Function != book.FirstPresentment, Reference: p.Reference,
	}, i.desk.books.Seed())
	if order.Reject != "" && !i.desk.books.Presented(&p, i.number) {
		return i.reject(r, &fault{order.Element, order.Reject, "rejected by a rule"}, true)
	}
	did, err := i.desk.books.Settle(&p, i.number)
	if err != nil {
		return err
	}
	if !did.Accepted() {
		return i.reject(r, settlementFault(did), true)
	}
	i.accept(did, &p, r.Debits(), &terms)
	if order.ChargeBack && !p.Credit && !p.Reversal {
		return i.chargeBack(&p, &order)
	}
	return nil
}

// accept counts what stands.
func (i *intake) accept(did book.Settlement, p *book.Presentment, debits bool, t *book.Terms) {
	switch did {
	case book.SettledPosting:
		i.result.Settled++
	case book.SettledNew:
		i.result.Posted++
	case book.SettledReversal:
		i.result.Reversed++
	case book.SettledSecond:
		i.result.Represented++
	default:
		i.result.Already++
	}
	key := currencies{p.Currency, t.Currency}
	f := i.filed[key]
	if f == nil {
		f = &filed{}
		i.filed[key] = f
	}
	f.presented.Count(!debits, &book.Terms{Amount: p.Amount})
	f.settled.Count(!debits, t)
}

func (i *intake) reject(r *clearing.Record, why *fault, whole bool) error {
	i.result.Excepted++
	if len(i.result.Exceptions) < maxExceptions {
		i.result.Exceptions = append(i.result.Exceptions, Exception{
			Record: r.Number, ARN: r.Text(31), RRN: message.Trimmed(r.Get(37)), Element: why.element, Code: why.code,
			Reason: why.words,
		})
	}
	if i.out == nil {
		return nil
	}
	return i.out.rejected(r, i.file.id, why, whole)
}

// chargeBack charges back what a rule tells to: a presentment in as many parts as it says, a second one as it was
// presented again. What was done before, of a file that was cut short, is not done again.
func (i *intake) chargeBack(p *book.Presentment, order *rules.ClearingOrder) error {
	amount := max(1, p.Amount*int64(order.Percent)/100)
	parts := min(int64(order.Parts), amount)
	for n := range parts {
		c := book.ChargeBack{
			Card: p.Card, ARN: p.ARN, Amount: amount / parts, Reason: order.Reason, Ruled: true,
			Second: p.Function != book.FirstPresentment, Reference: p.Reference, Nth: int(n + 1),
		}
		if n < amount%parts {
			c.Amount++
		}
		if err := i.chargeBackOne(&c, p.Currency); err != nil {
			return err
		}
	}
	return nil
}

func (i *intake) chargeBackOne(c *book.ChargeBack, currency uint16) error {
	var ok bool
	part := c.Amount < i.desk.books.Original(c.Card, c.ARN)
	if c.Terms, ok = i.desk.money.of(c.Card, currency, c.Amount, part); !ok {
		return nil // the whole was converted: a part is
	}
	_, err := i.desk.books.ChargeBack(*c)
	switch {
	case err == nil:
		i.result.ChargedBack++
	case errors.Is(err, book.ErrDisputed), errors.Is(err, book.ErrUnpresented): // when the file was given before
	case errors.Is(err, book.ErrQueueFull), errors.Is(err, book.ErrTooMuch), errors.Is(err, book.ErrNotCharged):
		i.desk.logger.Warn("no chargeback by a rule", zap.Error(err))
	default:
		return err
	}
	return nil
}

// end adds up what was accepted, and ends the answer.
func (i *intake) end(ended *book.Taken) error {
	ended.Amounts = map[uint16]*book.Position{}
	for _, key := range slices.SortedFunc(maps.Keys(i.filed), func(a, b currencies) int {
		return cmp.Or(cmp.Compare(a.presented, b.presented), cmp.Compare(a.settled, b.settled))
	}) {
		f := i.filed[key]
		if ended.Amounts[key.settled] == nil {
			ended.Amounts[key.settled] = &book.Position{}
		}
		ended.Amounts[key.settled].Add(&f.settled)
		if i.out == nil {
			continue
		}
		if err := i.out.position(i.file.id, key, f); err != nil {
			return err
		}
	}
	if i.out == nil {
		return nil
	}
	ended.Answer = i.out.id
	return i.out.finish()
}
