#include "anyvip/vip/standby.hpp"

namespace anyvip::vip {

void Standby::update(const Others& others, bool announced, TimePoint now) {
    const bool nobody = others.knowledge == Others::Knowledge::None;
    if (!announced && !nobody) may_announce_ = false;
    const bool wants_another = announced ? beaten_by(others) : nobody && !may_announce_;
    if (!wants_another) {
        deadline_.reset();
        return;
    }
    if (!deadline_) deadline_ = now + (announced ? policy_.yield_after : policy_.take_after);
    if (now < *deadline_) return;
    may_announce_ = !announced;
    deadline_.reset();
}

bool Standby::beaten_by(const Others& others) const {
    return others.knowledge == Others::Knowledge::Heard && (others.unranked || others.best > policy_.own);
}

}  // namespace anyvip::vip
