package stages

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"switchyard/internal/pan"
	"switchyard/internal/vfs"
	"switchyard/spec"
	"switchyard/spec/mapping"
	txswitch "switchyard/switch"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
	"switchyard/switch/issuer/exchange"
	"switchyard/switch/issuer/link"
	"switchyard/switch/issuer/message"
	"switchyard/switch/journal"
	"switchyard/switch/journal/pebble"
	"switchyard/switch/merchant"
	"switchyard/switch/payment"
	"switchyard/switch/switchtest"
)

// stage is one part of the way. start prepares it and returns what does it once.
type stage struct {
	name string
	// apart says that goroutines beside the caller's work on it: what they allocate for several at once may fall to one
	// more or one less of those that are counted.
	apart bool
	start func(t testing.TB) func() error
}

var stages = []stage{
	{name: "decode", start: decode},
	{name: "key", start: key},
	{name: "pack", start: pack},
	{name: "commit", apart: true, start: commit},
	{name: "send", apart: true, start: send},
	{name: "unpack", start: unpack},
	{name: "outcome", start: outcome},
	{name: "encode", start: encode},
	{name: "payment", apart: true, start: whole(switchtest.Options{})},
	{name: "mapped", apart: true, start: whole(switchtest.Options{Configure: mapped})},
}

// BenchmarkStages measures each stage.
func BenchmarkStages(b *testing.B) {
	for _, s := range stages {
		b.Run(s.name, func(b *testing.B) {
			do := s.start(b)
			b.ReportAllocs()
			for b.Loop() {
				if err := do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

const line = `{"id":"1047","op":"authorize","key":"3kf9x2-1m7q","merchant":"LOAD00000000004","terminal":"LOAD1042",` +
	`"amount":7341,"currency":"EUR","card":{"number":"4111111111111111","expiry":"2911","cvc":"512"}}`

func request(t testing.TB) *api.Request {
	t.Helper()
	var r api.Request
	if err := wire.DecodeRequest([]byte(line), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

func decode(testing.TB) func() error {
	text := []byte(line)
	var r api.Request
	return func() error {
		if err := wire.DecodeRequest(text, &r); err != nil {
			return err
		}
		if err := r.Validate(); err != nil {
			return err
		}
		return nil
	}
}

func keyring(t testing.TB) *pan.Keyring {
	t.Helper()
	text, err := pan.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	k, err := pan.ParseKeyring(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func store(t testing.TB) *pebble.Journal {
	t.Helper()
	j, err := pebble.Open(pebble.Options{
		FS: vfs.NewMem(), Dir: "journal", Node: 1, Fatal: func(msg string, err error) { panic(msg + ": " + err.Error()) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return j
}

func key(t testing.TB) func() error {
	ring, j, r := keyring(t), store(t), request(t)
	body := []byte(line)
	var sum [16]byte
	var sealed int
	return func() error {
		mac := ring.MAC(func(b []byte) []byte { return append(b, body...) })
		hash := ring.Hash(r.Card.Number)
		sealed += len(ring.Seal(payment.NewID(1, 1), r.Card.Number, r.Card.Expiry))
		for i := range sum {
			sum[i] ^= mac[i] ^ hash[i]
		}
		if _, err := j.Key(context.Background(), r.Merchant, r.Key); err != journal.ErrNotFound {
			return err
		}
		return nil
	}
}

// record is a payment as it is when its intent is committed.
func record(id payment.ID, r *api.Request) *payment.Payment {
	now := time.Date(2026, 11, 21, 20, 25, 1, 0, time.UTC)
	return &payment.Payment{
		ID: id, Version: 1, Merchant: r.Merchant, Terminal: r.Terminal, Currency: r.Currency, MCC: "5999",
		Route: "default", MaskedPAN: "411111******1111", PANHash: [16]byte{1, 2, 3}, SealKey: 7, SealedCard: make([]byte, 37),
		Acquirer: "400001", AcceptorName: r.Merchant, AcceptorCity: "Nowhere", Created: now, Expires: now.AddDate(0, 0, 7),
		Ops: []payment.Op{{
			Kind: payment.KindAuthorize, State: payment.StatePending, Key: r.Key, Amount: r.Amount, Target: payment.NoTarget,
			At: now, Host: "issuer", STAN: uint32(id.Counter()%999_999) + 1, DE7: "1121202501", RRN: "632510000001",
		}},
	}
}

func builder(t testing.TB) *message.Builder {
	t.Helper()
	merchants, err := merchant.NewDirectory(nil, true, merchant.DefaultProfile())
	if err != nil {
		t.Fatal(err)
	}
	return &message.Builder{AcquirerID: "400001", Unrecorded: "400001", Merchants: merchants}
}

func pack(t testing.TB) func() error {
	b, r, codec := builder(t), request(t), spec.MustCodec(spec.DefaultDialect)
	p := record(payment.NewID(1, 1), r)
	card := message.Card{PAN: r.Card.Number, Expiry: r.Card.Expiry}
	var m spec.Message
	var frame []byte
	return func() (err error) {
		if err := b.Build(&m, p, 0, card, r, false); err != nil {
			return err
		}
		frame, err = codec.PackFrame(frame[:0], &m)
		return err
	}
}

func commit(t testing.TB) func() error {
	j, r := store(t), request(t)
	ctx := context.Background()
	var number uint64
	return func() error {
		number++
		p := record(payment.NewID(1, number), r)
		op := &p.Ops[0]
		op.Key = "3kf9x2-" + strconv.FormatUint(number, 36)
		err := j.Commit(ctx, &journal.Transition{
			Payment: p, Opens: []int{0}, Keys: []journal.KeyClaim{{Merchant: p.Merchant, Key: op.Key}},
		})
		if err != nil {
			return err
		}
		p.Version++
		op.State, op.Granted, op.DoneAt, op.ResponseCode = payment.StateApproved, op.Amount, p.Created, "00"
		return j.Commit(ctx, &journal.Transition{Payment: p, Closes: []int{0}})
	}
}

// response is the 0110 that approves a message.
func response(m *spec.Message) *spec.Message {
	r := &spec.Message{}
	r.SetMTI("0110")
	for _, de := range []int{3, 4, 7, 11, 12, 13, 32, 37, 41, 42, 49} {
		r.SetBytes(de, m.Bytes(de))
	}
	r.Set(38, "123456")
	r.Set(39, "00")
	r.Set(48, "0315123456789012345C201M")
	return r
}

// asked is an 0100, with its frame.
func asked(t testing.TB) (m *spec.Message, frame []byte) {
	t.Helper()
	r := request(t)
	m = &spec.Message{}
	card := message.Card{PAN: r.Card.Number, Expiry: r.Card.Expiry}
	if err := builder(t).Build(m, record(payment.NewID(1, 1), r), 0, card, r, false); err != nil {
		t.Fatal(err)
	}
	frame, err := spec.MustCodec(spec.DefaultDialect).PackFrame(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return m, frame
}

// numbers are the identities of network messages.
type numbers struct{ last uint32 }

func (n *numbers) Next(context.Context) (uint32, string, error) {
	n.last++
	return 900_000 + n.last, "1121202501", nil
}

func send(t testing.TB) func() error {
	codec := spec.MustCodec(spec.DefaultDialect)
	m, frame := asked(t)
	answer, err := codec.PackFrame(nil, response(m))
	if err != nil {
		t.Fatal(err)
	}
	h, err := link.NewHost(link.Config{
		Host: "issuer", Addr: "issuer", AcquirerID: "400001", Codec: codec, Identity: &numbers{}, Links: 1,
		Dial: func(context.Context, string) (net.Conn, error) {
			here, there := net.Pipe()
			go approve(there, codec, answer)
			return here, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Start()
	for !h.Ready() {
		runtime.Gosched()
	}
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	want := link.Match{
		MTI: "0100", STAN: 2, DE7: m.String(7), RRN: m.String(37), Terminal: m.String(41), Currency: m.String(49),
		AmountMinor: 7341, CheckAmount: true,
	}
	want.Carries(m)
	var got spec.Message
	ctx := context.Background()
	return func() error {
		slot, err := h.Acquire(ctx)
		if err != nil {
			return err
		}
		want.Deadline = time.Now().Add(time.Minute)
		return slot.Send(ctx, frame, want, &got)
	}
}

// approve answers each 0100 with the same frame, and each 0800 with 00.
func approve(conn net.Conn, codec *spec.Codec, answer []byte) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		head, err := in.Peek(spec.LengthHeader)
		if err != nil {
			return
		}
		frame, err := in.Peek(spec.LengthHeader + int(binary.BigEndian.Uint16(head)))
		if err != nil {
			return
		}
		out := answer
		if string(frame[2:6]) != "0100" {
			var m spec.Message
			if codec.Unpack(frame[2:], &m) != nil {
				return
			}
			m.SetMTI("0810")
			m.Set(39, "00")
			if out, err = codec.PackFrame(nil, &m); err != nil {
				return
			}
		}
		if _, err := in.Discard(len(frame)); err != nil {
			return
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func unpack(t testing.TB) func() error {
	codec := spec.MustCodec(spec.DefaultDialect)
	m, _ := asked(t)
	answer, err := codec.Pack(nil, response(m))
	if err != nil {
		t.Fatal(err)
	}
	var got spec.Message
	return func() error { return codec.Unpack(answer, &got) }
}

func outcome(t testing.TB) func() error {
	m, _ := asked(t)
	p := record(payment.NewID(1, 1), request(t))
	call, answer := exchange.NewCall(), response(m)
	return func() error {
		op := &p.Ops[0]
		call.Read(answer)
		call.RecordIn(op, p.Created)
		op.State, op.Granted = payment.StateDeclined, 0
		if payment.Approving(op.ResponseCode, op.Kind) {
			op.State, op.Granted = payment.StateApproved, op.Amount
		}
		if broken := p.Invariant(); broken != "" {
			return errors.New(broken)
		}
		return nil
	}
}

func encode(testing.TB) func() error {
	a := api.Answer{
		ID: "1047", Op: api.OpAuthorize, Payment: "P10000000001", Status: api.StatusAuthorized, Approved: true,
		ResponseCode: "00", Reason: "approved", AuthCode: "123456", RRN: "632510000001", STAN: "000002",
		NetworkID: "123456789012345", CVCResult: "M", Amount: 7341, Currency: "EUR", Authorized: 7341, Capturable: 7341,
		Created: time.Date(2026, 11, 21, 20, 25, 1, 0, time.UTC),
	}
	var text []byte
	return func() error {
		text = wire.AppendAnswer(text[:0], &a)
		return nil
	}
}

// mapped has the issuer sent its messages with every option of a mapping that its dialect has room for.
func mapped(c *txswitch.Config) {
	c.Issuers[0].Mapping = mapping.Config{
		Private: "off", Original: "short", Codes: map[string]string{"76": "00"},
		Constants: []mapping.Constant{{DE: 60, Value: "1"}, {DE: 61, Value: "2"}, {DE: 63, Value: "3"}},
		Templates: []mapping.Constant{{DE: 62, Value: "{payment}/{rrn}"}},
	}
}

func whole(o switchtest.Options) func(t testing.TB) func() error {
	return func(t testing.TB) func() error {
		o.LogLevel = zapcore.WarnLevel
		s := switchtest.Start(t, o)
		r := request(t)
		number := 0
		return func() error {
			number++
			r.Key = "stage-" + strconv.Itoa(number)
			a, err := s.Client.Do(context.Background(), r)
			if err == nil && !a.Approved {
				err = fmt.Errorf("%+v, error %v", a, a.Err)
			}
			return err
		}
	}
}
