// Facts of the machine that a figure depends on.
#pragma once

#include <string>
#include <vector>

namespace tessera::bench {

// Lines such as "cpu: AMD EPYC 9R14", "cores: 2", "load: 0.10". A fact that cannot be read is left
// out.
std::vector<std::string> MachineFacts();

}  // namespace tessera::bench
