package book

import "switchyard/issuer-sim/message"

// Retrieve puts a request for the papers of a card's presentment among what the next window tells its member.
func (b *Book) Retrieve(card message.Digits, arn message.ARN, reason uint16) (Item, error) {
	if !b.window.room() {
		return Item{}, ErrQueueFull
	}
	s := b.shardOf(card)
	s.mu.Lock()
	a, p := s.presented(arn)
	if p == nil || a.card != card {
		s.mu.Unlock()
		return Item{}, ErrUnpresented
	}
	item := s.item(a, p)
	item.Kind, item.Reason = ItemRetrieval, reason
	var position int64
	if b.log != nil { // before anything else happens to it, since the log is gone through in its order
		position = b.log.Retrieval(arn, reason)
	}
	b.window.add(item)
	s.mu.Unlock()
	return item, b.throttle(position)
}

// Fee is an order to collect a fee from a member, or to pay it one.
type Fee struct {
	Member   string // as in PDS0105, 11 digits
	Currency uint16
	Amount   int64
	Pays     bool // the member is paid
	Reason   uint16
	ARN      message.ARN // of the presentment that it is about; zero for none
	Terms    Terms
}

func (f *Fee) item() Item {
	return Item{
		Kind: ItemFee, To: Addressee{Member: f.Member}, Currency: f.Currency, Amount: f.Amount, Credit: f.Pays,
		Reason: f.Reason, ARN: f.ARN, Terms: f.Terms,
	}
}

// Charge puts a fee among what the next window tells its member.
func (b *Book) Charge(f *Fee) (Item, error) {
	if !b.window.room() {
		return Item{}, ErrQueueFull
	}
	item := f.item()
	var position int64
	if b.log != nil {
		position = b.log.Fee(f)
	}
	b.window.add(item)
	return item, b.throttle(position)
}
