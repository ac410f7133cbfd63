package ipmtool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/text/language"

	"switchyard/internal/isotool"
	"switchyard/spec"
	"switchyard/spec/framing"
	"switchyard/spec/mapping"
	"switchyard/switch/clearing"
	"switchyard/switch/payment"
)

// What became of a record that was to be sent.
const (
	OutcomeAccepted   = "accepted"
	OutcomeRefused    = "refused"
	OutcomeUnanswered = "unanswered"
	OutcomeSkipped    = "skipped" // no presentment: nothing to send
	OutcomeWaiting    = "waiting" // not sent yet
)

// ReplayOptions say where a file's records are sent again, and how.
type ReplayOptions struct {
	Dial   func(context.Context) (net.Conn, error) // the host
	Codec  *spec.Codec
	Format framing.Format
	SignOn bool
	Wait   time.Duration // for an answer

	Rate       float64 // messages a second; 0: one after the other's answer
	Again      bool    // send what was sent before as well
	Production bool    // send a file of production
	DryRun     bool    // make the messages and send none
	State      string  // file that keeps what was sent; "": one beside the file, named for its PDS0105
	// Progress is told how many of the file's records are done; nil: nobody is.
	Progress func(done, all int)
}

// A ReplaySummary counts what became of the records.
type ReplaySummary struct {
	FileID     string         `json:"file_id"`
	State      string         `json:"state"`
	Records    int            `json:"records"`
	Purchases  int            `json:"purchases"`
	Refunds    int            `json:"refunds"`
	Reversals  int            `json:"reversals"`
	Skipped    int            `json:"skipped"`
	Before     int            `json:"before"` // of a run before this one
	Sent       int            `json:"sent"`   // in this run
	Accepted   int            `json:"accepted"`
	Refused    map[string]int `json:"refused"` // by response code
	Unanswered int            `json:"unanswered"`
	DryRun     bool           `json:"dry_run,omitempty"`
}

// Complete tells whether all were accepted.
func (s *ReplaySummary) Complete() bool {
	return s.Accepted == s.Purchases+s.Refunds+s.Reversals
}

// mostUnanswered is how many messages in a row may go without an answer before a replay stops.
const mostUnanswered = 10

// Replay sends the first presentments of a clearing file to a host as ISO 8583: a purchase as an 0220, a refund as an
// 0220 with DE3 20, a reversal as an 0420, one after the other's answer, with the record's DE37 and DE38, its acquirer
// reference in tag 07 of DE48, and no DE90, since the file knows no STAN. What is about to be sent is in the state
// file, synced, before it is sent: a message of a file (PDS0105 and DE71) is sent once, by however many runs, and with
// Again once more, by however many runs that takes. One whose answer did not come is sent again as what it is, a
// repeat: 0221 or 0421 with the same STAN and DE7.
func Replay(ctx context.Context, name string, o ReplayOptions) (*ReplaySummary, error) {
	from, err := openSource(ctx, name)
	if err != nil {
		return nil, err
	}
	defer from.file.Close()
	r := replay{name: name, options: o, from: from, summary: ReplaySummary{Refused: map[string]int{}, DryRun: o.DryRun}}
	if r.mapping, err = mapping.Compile(mapping.Config{}, o.Codec); err != nil {
		return nil, err
	}
	if err := r.survey(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if r.state, err = openReplayState(r.statePath(), !o.DryRun); err != nil {
		return nil, err
	}
	defer r.state.close()
	r.summary.State = r.statePath()
	if o.Again && !o.DryRun {
		if err := r.again(); err != nil {
			return nil, err
		}
	}
	if err := r.send(ctx); err != nil {
		return &r.summary, err
	}
	return &r.summary, r.state.sync()
}

// replay is one under way.
type replay struct {
	name    string
	options ReplayOptions
	from    *source
	mapping *mapping.Mapping
	state   *replayState
	summary ReplaySummary
	talk    *isotool.Talk
	conn    net.Conn
	next    time.Time       // when the next may be sent
	silent  int             // messages without an answer, in a row
	begun   map[string]bool // files, by their ids
	last    string          // DE71 of the last record that was looked at
	late    map[string]messageKey
}

// A messageKey says which message of which file a record is.
type messageKey struct {
	FileID string
	DE71   string
}

// statePath is where the state stands: beside the file and named for its id, so that the same file in another form has
// the same one.
func (r *replay) statePath() string {
	if r.options.State != "" {
		return r.options.State
	}
	return filepath.Join(filepath.Dir(r.name), r.summary.FileID+".replay.jsonl")
}

// survey reads the file once, so that nothing of one is sent that cannot be read to its end, or that must not be.
func (r *replay) survey() error {
	if r.from.format != FormatIPM {
		return errors.New("is no clearing file")
	}
	return r.each(func(rec *clearing.Record, key messageKey) error {
		r.summary.Records++
		if rec.Number == 1 {
			r.summary.FileID = key.FileID
		}
		if err := r.mayGo(rec, key); err != nil {
			return err
		}
		switch kind := kindOf(rec); {
		case kind == replaySkipped:
			r.summary.Skipped++
			return nil
		case kind == replayReversal:
			r.summary.Reversals++
		case kind == replayRefund:
			r.summary.Refunds++
		default:
			r.summary.Purchases++
		}
		if r.options.Codec == nil { // to a folder
			return nil
		}
		if len(key.DE71) != len(wholeFile) || !isDigits(key.DE71) || key.DE71 <= r.last {
			return fmt.Errorf("record %d: DE71 is %q, expected a number of eight digits above %s: by it a record is known",
				rec.Number, shownText(key.DE71), r.last)
		}
		r.last = key.DE71
		m := r.message(rec, sending{stan: 1, de7: time.Now().UTC().Format(de7Layout)})
		if err := r.fits(m, time.Now()); err != nil {
			return fmt.Errorf("record %d cannot be sent: %w", rec.Number, err)
		}
		return nil
	})
}

// mayGo holds the beginning of a file against what was asked for: its mode, and that it is one file, since what is sent
// is known by the file's id.
func (r *replay) mayGo(rec *clearing.Record, key messageKey) error {
	if rec.MTI != "1644" || rec.FunctionCode() != "697" {
		return nil
	}
	switch {
	case r.options.Codec == nil: // to a folder, as it is
	case r.begun[key.FileID]:
		return fmt.Errorf("record %d: file %s begins again", rec.Number, key.FileID)
	case len(r.begun) > 0 && r.options.State == "":
		return fmt.Errorf("record %d: another file begins, %s: expected one alone, or --state for what is sent of all",
			rec.Number, key.FileID)
	}
	if r.begun == nil {
		r.begun = map[string]bool{}
	}
	r.begun[key.FileID], r.last = true, wholeFile
	switch mode, _ := rec.PDS(122); {
	case mode == "T" || r.options.Production:
		return nil
	case mode == "P":
		return errors.New("is a file of production: it is sent with --production only")
	default:
		return fmt.Errorf("is not marked as a test (PDS0122 is %q, not T): it is sent with --production only",
			shownText(mode))
	}
}

// each goes through the records with the id of the file that they stand in. What cannot be read ends it.
func (r *replay) each(take func(*clearing.Record, messageKey) error) error {
	if _, err := r.from.file.Seek(0, 0); err != nil {
		return err
	}
	id := ""
	_, err := each(bufio.NewReader(r.from.file), func(rec *clearing.Record) error {
		if rec.MTI == "1644" && rec.FunctionCode() == "697" {
			id, _ = rec.PDS(105)
		}
		if len(id) != 25 || !isDigits(id) {
			return fmt.Errorf("record %d: no header with a file id (PDS0105) stands before it", rec.Number)
		}
		return take(rec, messageKey{id, rec.Text(71)})
	}, func(f *clearing.FormatError) error { return f })
	return err
}

// What a record is sent as.
type replayKind uint8

const (
	replaySkipped replayKind = iota
	replayPurchase
	replayRefund
	replayReversal
)

func kindOf(r *clearing.Record) replayKind {
	switch {
	case r.MTI != "1240" || r.FunctionCode() != "200":
		return replaySkipped
	case r.Reversal():
		return replayReversal
	case !r.Debits():
		return replayRefund
	}
	return replayPurchase
}

// again begins to send what was sent before once more, or goes on with it where a run that did so was ended before it
// had the host's word on everything.
func (r *replay) again() error {
	for id := range r.begun {
		r.state.round = max(r.state.round, r.state.rounds[id])
	}
	left := false
	if r.state.round > 0 {
		err := r.each(func(rec *clearing.Record, key messageKey) error {
			was := r.state.of(key)
			left = left || kindOf(rec) != replaySkipped && !r.state.done(&was)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !left {
		r.state.round = r.state.run
	}
	return nil
}

// send goes through the file and sends what is due.
func (r *replay) send(ctx context.Context) error {
	defer func() {
		if r.conn != nil {
			_ = r.conn.Close()
		}
	}()
	r.late = map[string]messageKey{}
	done := 0
	err := r.each(func(rec *clearing.Record, key messageKey) error {
		done++
		if r.options.Progress != nil {
			r.options.Progress(done, r.summary.Records)
		}
		if kindOf(rec) == replaySkipped {
			return nil
		}
		was := r.state.of(key)
		switch {
		case r.options.DryRun:
			if was.ended() {
				r.summary.Before++
			}
			return nil
		case r.state.done(&was):
			r.summary.Before++
			r.count(was)
			return nil
		}
		is, err := r.one(ctx, rec, key, was)
		if err == nil {
			r.count(is)
		}
		return err
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("stopped, and goes on where it is started again: %w", err)
	}
	return nil
}

func (r *replay) count(s sending) {
	switch s.outcome {
	case OutcomeAccepted:
		r.summary.Accepted++
	case OutcomeRefused:
		r.summary.Refused[s.code]++
	default:
		r.summary.Unanswered++
	}
}

// one sends a record and waits for the answer.
func (r *replay) one(ctx context.Context, rec *clearing.Record, key messageKey, was sending) (sending, error) {
	if err := r.connect(ctx); err != nil {
		return was, err
	}
	if err := r.pace(ctx); err != nil {
		return was, err
	}
	is := was
	if is.repeat = was.stan != 0 && !was.ended(); !is.repeat {
		is = sending{stan: r.state.nextSTAN(), de7: time.Now().UTC().Format(de7Layout)}
	}
	is.outcome, is.code, is.run = OutcomeUnanswered, "", r.state.run
	if err := r.state.put(key, is, true); err != nil {
		return is, err
	}
	d := &isotool.Draft{}
	d.Message.CopyFrom(r.message(rec, is))
	if err := r.mapping.Send(&d.Message, time.Now()); err != nil {
		return is, fmt.Errorf("record %d: %w", rec.Number, err)
	}
	r.summary.Sent++
	r.late[fmt.Sprintf("%06d", is.stan)] = key
	answer, err := r.talk.Exchange(ctx, d)
	switch {
	case errors.Is(err, isotool.ErrNoAnswer):
		if r.silent++; r.silent >= mostUnanswered {
			return is, fmt.Errorf("record %d: %d messages in a row have no answer", rec.Number, r.silent)
		}
		return is, nil
	case err != nil:
		return is, fmt.Errorf("record %d: %w", rec.Number, err)
	}
	r.silent = 0
	delete(r.late, fmt.Sprintf("%06d", is.stan))
	if is = r.answered(is, answer); is.outcome == OutcomeUnanswered {
		if r.silent++; r.silent >= mostUnanswered {
			return is, fmt.Errorf("record %d: to %d messages in a row the host says %q", rec.Number, r.silent, is.code)
		}
	}
	return is, r.state.put(key, is, false)
}

// answered reads an answer.
func (r *replay) answered(is sending, answer *spec.Message) sending {
	var m spec.Message
	m.CopyFrom(answer)
	if err := r.mapping.Receive(&m); err != nil {
		m.CopyFrom(answer)
	}
	is.code = printableCode(m.String(39))
	switch row := payment.Meaning(is.code); {
	case row.Again: // nobody has decided: it is sent again as a repeat
		is.outcome = OutcomeUnanswered
	case row.Approves && !row.Partial:
		is.outcome = OutcomeAccepted
	default:
		is.outcome = OutcomeRefused
	}
	return is
}

func printableCode(code string) string {
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' || c == ',' || c == '"' {
			return '.'
		}
		return c
	}, code)
}

// connect dials the host and signs on, once.
func (r *replay) connect(ctx context.Context) (err error) {
	if r.talk != nil {
		return nil
	}
	if r.conn, err = r.options.Dial(ctx); err != nil {
		return err
	}
	r.talk = isotool.NewTalk(r.conn, r.options.Format, r.options.Codec, r.options.Wait, func(m *spec.Message) {
		// The answer to a message that was given up, late.
		key, ours := r.late[m.String(11)]
		was := r.state.of(key)
		if !ours || was.outcome != OutcomeUnanswered || m.MTI()[2] != '3' {
			return
		}
		if is := r.answered(was, m); is.outcome != OutcomeUnanswered && r.state.put(key, is, false) == nil {
			r.summary.Unanswered--
			r.count(is)
		}
	})
	if !r.options.SignOn {
		return nil
	}
	on := isotool.SignOn(r.options.Codec, time.Now())
	answer, err := r.talk.Exchange(ctx, on)
	if err != nil {
		return fmt.Errorf("sign-on: %w", err)
	}
	for _, e := range on.Expect {
		if wrong := e.Check(answer); wrong != "" {
			return fmt.Errorf("sign-on: %s", wrong)
		}
	}
	return nil
}

// pace waits until the next message may be sent.
func (r *replay) pace(ctx context.Context) error {
	if r.options.Rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if r.next.Before(now) {
		r.next = now
	}
	wait := time.NewTimer(r.next.Sub(now))
	defer wait.Stop()
	r.next = r.next.Add(time.Duration(float64(time.Second) / r.options.Rate))
	select {
	case <-wait.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

const de7Layout = "0102150405"

// fits tells whether a message can be sent.
func (r *replay) fits(m *spec.Message, at time.Time) error {
	if err := r.mapping.Send(m, at); err != nil {
		return err
	}
	_, err := isotool.Append(nil, r.options.Codec, r.options.Format, m)
	return err
}

// message makes what a record is sent as, in the terms of ISO 8583:1987.
func (r *replay) message(rec *clearing.Record, s sending) *spec.Message {
	m := new(spec.Message)
	kind := kindOf(rec)
	mti := []byte("0220")
	if kind == replayReversal {
		mti[1] = '4'
	}
	if s.repeat {
		mti[3] = '1'
	}
	m.SetMTI(string(mti))
	set := func(de int, value string) {
		if value != "" {
			m.Set(de, value)
		}
	}
	set(2, rec.Text(2))
	set(3, rec.Text(3))
	set(4, rec.Text(4))
	m.Set(7, s.de7)
	m.SetUint(11, uint64(s.stan), 6)
	if local := rec.Text(12); len(local) == 12 {
		m.Set(12, local[6:])
		m.Set(13, local[2:6])
	}
	entry, condition := entryOf(rec.Text(22))
	if kind != replayReversal {
		set(14, rec.Text(14))
		set(18, rec.Text(26))
		m.Set(22, entry)
		m.Set(43, acceptorOf(rec.Text(43)))
	}
	m.Set(25, condition)
	acquirer := rec.Text(32)
	if acquirer == "" {
		acquirer = rec.Text(33)
	}
	set(32, acquirer)
	set(37, rec.Text(37))
	set(38, strings.TrimRight(rec.Text(38), " "))
	set(41, strings.TrimRight(rec.Text(41), " "))
	set(42, strings.TrimRight(rec.Text(42), " "))
	set(49, rec.Text(49))
	if arn := rec.Text(31); arn != "" {
		m.SetBytes(48, spec.AppendTLV(nil, spec.TagARN, arn))
	}
	return m
}

// entryOf is DE22 and DE25 of ISO 8583:1987 by what DE22 of a file says of how the card's data came in: whether the
// cardholder was there (5), and the mode (7).
func entryOf(posDataCode string) (entry, condition string) {
	if len(posDataCode) != 12 {
		return "000", "00"
	}
	switch present, mode := posDataCode[4], posDataCode[6]; mode {
	case 'S':
		return "810", "59"
	case '7':
		return "100", "59"
	case '5', 'C':
		return "051", "00"
	case 'M', 'A':
		return "071", "00"
	case '2', 'B':
		return "021", "00"
	default:
		if present == '2' || present == '3' {
			return "010", "08"
		}
		return "010", "00"
	}
}

// acceptorOf is DE43 of a message, name 25, city 13 and country 2, of that of a file.
func acceptorOf(text string) string {
	parts := strings.Split(text, `\`)
	if len(parts) != 4 || len(parts[3]) < 3 {
		return fmt.Sprintf("%-40.40s", plain(text))
	}
	return plain(fmt.Sprintf("%-25.25s%-13.13s%-2.2s", parts[0], parts[2], country2(parts[3][len(parts[3])-3:])))
}

// plain is text with what DE43 of a message cannot have, letters with accents above all, as question marks.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
}

// country2 is a country of three letters in two, as messages have it.
func country2(alpha3 string) string {
	region, err := language.ParseRegion(alpha3)
	if err != nil {
		return alpha3[:2]
	}
	return region.String()
}
