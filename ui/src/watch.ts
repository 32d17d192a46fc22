// The watch page.

import "./player";
import "./comments";
